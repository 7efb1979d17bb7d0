-- severity: warn
--
-- The supply moves by more than 1 % from one snapshot to the next.

with

steps as (
    select
        date,
        total_supply,
        lag(total_supply) over (order by date) as supply_before,
    from stat.statistics_ccd_classified
)

select *
from steps
where abs(total_supply - supply_before) > 0.01 * supply_before

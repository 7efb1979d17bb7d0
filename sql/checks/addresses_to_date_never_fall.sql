-- severity: error
-- depends: stat.statistics_unique_addresses_v2_daily
-- depends: stat.statistics_unique_addresses_v2_weekly
-- depends: stat.statistics_unique_addresses_v2_monthly
--
-- Within a week or month, the addresses seen to date only become more, and are no fewer than those of the day.

with

totals as (
    select
        date,
        period,
        first_day,
        contract_count + address_count + public_key_count + other_count as address_count,
    from mid.unique_address_counts
),

steps as (
    select
        *,
        lag(address_count) over (partition by period, first_day order by date) as address_count_before,
        max(address_count) filter (where period = 'day') over (partition by date) as address_count_of_day,
    from totals
)

select *
from steps
where address_count < address_count_before or address_count < address_count_of_day

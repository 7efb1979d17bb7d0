-- severity: error
-- depends: stat.statistics_daily_holders
--
-- A higher limit has no more accounts and no more CCD than a lower one.

with

steps as (
    select
        date,
        limit_ccd,
        account_count,
        total_microccd,
        lag(account_count) over (partition by date order by limit_ccd) as account_count_below,
        lag(total_microccd) over (partition by date order by limit_ccd) as total_microccd_below,
    from mid.holder_totals
)

select *
from steps
where account_count > account_count_below or total_microccd > total_microccd_below or account_count < 0

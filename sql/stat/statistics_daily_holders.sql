-- materialize: incremental
-- grain: day
-- export: statistics_daily_holders
-- spread: holders
-- check: unique date
-- check: not_null _id, date, holders
-- column: holders per limit L (CCD): count_>=L accounts with at least L, amount_>=L what they hold, whole CCD, truncated
--
-- How many accounts hold at least a limit and how much they hold, one row per day.

with

fields as (
    select
        date,
        limit_ccd * 2 as place,
        concat('count_>=', limit_ccd) as name,
        account_count as value,
    from mid.holder_totals
    union all
    select
        date,
        limit_ccd * 2 + 1 as place,
        concat('amount_>=', limit_ccd) as name,
        total_microccd // 1000000 as value,
    from mid.holder_totals
),

final as (
    select
        concat(date, '-statistics_daily_holders') as _id,
        'statistics_daily_holders' as type,
        date,
        map(list(name order by place), list(value::bigint order by place)) as holders,
    from fields
    where date between from_date() and to_date()
    group by date
)

select * from final

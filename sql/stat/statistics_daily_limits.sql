-- materialize: incremental
-- grain: day
-- export: statistics_daily_limits
-- check: unique date
-- check: not_null _id, date, amount_to_make_top_100, amount_to_make_top_250
-- check: expect amount_to_make_top_250 <= amount_to_make_top_100
-- column: amount_to_make_top_100 the 101st largest balance, CCD; 0 where there are fewer accounts
-- column: amount_to_make_top_250 the 251st largest balance, CCD; 0 where there are fewer accounts
--
-- What it takes to be among the largest accounts, one row per day. Only accounts that reach the largest holder limit
-- that still has 251 accounts are looked at. A balance follows from the day's snapshot alone, so there is no lookback.

with

bounds as (
    select
        date,
        coalesce(max(limit_ccd) filter (where account_count >= 251), 0) * 1000000 as bound_microccd,
    from mid.holder_totals
    where date between from_date() and to_date()
    group by all
),

used_bounds as (select distinct bound_microccd from bounds),

candidates as (
    select
        used_bounds.bound_microccd,
        changes.total_microccd,
        changes.date as valid_from,
        lead(changes.date) over (partition by used_bounds.bound_microccd, changes.account_id order by changes.date) as valid_until,
    from stg.balance_changes as changes
    inner join used_bounds
        on greatest(coalesce(changes.total_microccd, -1), coalesce(changes.previous_total_microccd, -1)) >= used_bounds.bound_microccd
    where changes.date <= to_date()
),

largest as (
    select
        bounds.date,
        max(candidates.total_microccd, 251) as totals,
    from bounds
    left join candidates
        on candidates.bound_microccd = bounds.bound_microccd
        and candidates.valid_from <= bounds.date
        and bounds.date < coalesce(candidates.valid_until, date '9999-12-31')
    group by all
),

final as (
    select
        concat(date, '-statistics_daily_limits') as _id,
        date,
        'statistics_daily_limits' as type,
        ccd(coalesce(totals[101], 0)) as amount_to_make_top_100,
        ccd(coalesce(totals[251], 0)) as amount_to_make_top_250,
    from largest
)

select * from final

-- materialize: table
-- grain: day
-- requires: stg.transaction_days the day's transactions
-- check: unique date
-- check: expect released_microccd between 0 and scheduled_microccd
-- check: expect unlocks_365_days_microccd <= scheduled_microccd - released_microccd
-- column: scheduled_microccd what was ever transferred with a schedule, microCCD
-- column: released_microccd of it unlocked at the day's last block
-- column: unlocks_30_days_microccd of the rest: what unlocks by the end of the thirtieth day after, and so on
--
-- What scheduled transfers have locked, released and will release, one row per day: running sums. They follow from the day's
-- state alone, whatever comes later. Only what the loaded transactions scheduled is known: mid.snapshot_totals has what is
-- locked in all.

with

releases as (
    select
        date,
        release_on,
        released_on,
        sum(amount_microccd) as amount_microccd,
    from mid.scheduled_releases
    group by all
),

horizons as (
    select unnest([30, 90, 365]) as days_ahead
),

moves as (
    select
        date,
        amount_microccd as scheduled,
    from releases
    union all by name
    select
        released_on as date,
        amount_microccd as released,
    from releases
    where released_on is not null
    union all by name
    select
        greatest(releases.date, releases.release_on - horizons.days_ahead) as date,
        horizons.days_ahead,
        releases.amount_microccd as unlocking,
    from releases
    cross join horizons
    union all by name
    select
        releases.released_on as date,
        horizons.days_ahead,
        -releases.amount_microccd as unlocking,
    from releases
    cross join horizons
    where releases.released_on is not null
),

sums as (
    select
        date,
        sum(sum(scheduled)) over days as scheduled,
        sum(sum(released)) over days as released,
        sum(sum(unlocking) filter (days_ahead = 30)) over days as within_30_days,
        sum(sum(unlocking) filter (days_ahead = 90)) over days as within_90_days,
        sum(sum(unlocking) filter (days_ahead = 365)) over days as within_365_days,
    from moves
    group by date
    window days as (order by date)
),

final as (
    select
        blocks.date,
        coalesce(sums.scheduled, 0)::hugeint as scheduled_microccd,
        coalesce(sums.released, 0)::hugeint as released_microccd,
        coalesce(sums.within_30_days, 0)::hugeint as unlocks_30_days_microccd,
        coalesce(sums.within_90_days, 0)::hugeint as unlocks_90_days_microccd,
        coalesce(sums.within_365_days, 0)::hugeint as unlocks_365_days_microccd,
    from raw.blocks_per_day as blocks
    asof left join sums on sums.date <= blocks.date
)

select * from final

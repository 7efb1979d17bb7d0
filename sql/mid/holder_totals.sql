-- column: account_count accounts with at least limit_ccd
-- column: total_microccd what they hold
--
-- Accounts at or above each balance limit, one row per snapshot and limit: running sums, as in mid.snapshot_totals.

with

days as (
    select
        snapshots.date,
        limits.limit_ccd,
    from raw.snapshots as snapshots
    cross join holder_limits() as limits
),

final as (
    select
        days.date,
        days.limit_ccd,
        (coalesce(sum(deltas.account_count) over so_far, 0))::bigint as account_count,
        (coalesce(sum(deltas.total_microccd) over so_far, 0))::bigint as total_microccd,
    from days
    left join mid.holder_deltas as deltas on deltas.date = days.date and deltas.limit_ccd = days.limit_ccd
    window so_far as (partition by days.limit_ccd order by days.date)
)

select * from final

-- materialize: incremental
-- grain: day
-- column: account_count accounts that came less accounts that went
-- column: total_microccd change of the sum of balances
-- column: locked_microccd change of the sum of what is locked
-- column: moved_microccd sum over the snapshot's accounts of the difference to their balance in the snapshot before
--
-- What changed between a snapshot and the one before, summed over accounts, one row per snapshot.

with

changes as (
    select
        date,
        sum((total_microccd is not null)::int - (previous_total_microccd is not null)::int) as account_count,
        sum(coalesce(total_microccd, 0) - coalesce(previous_total_microccd, 0)) as total_microccd,
        sum(coalesce(locked_microccd, 0) - coalesce(previous_locked_microccd, 0)) as locked_microccd,
        sum(abs(total_microccd - coalesce(previous_total_microccd, 0))) as moved_microccd,
    from stg.balance_changes
    where date between from_date() and to_date()
    group by all
),

final as (
    select
        snapshots.date,
        coalesce(changes.account_count, 0)::bigint as account_count,
        coalesce(changes.total_microccd, 0)::bigint as total_microccd,
        coalesce(changes.locked_microccd, 0)::bigint as locked_microccd,
        coalesce(changes.moved_microccd, 0)::bigint as moved_microccd,
    from raw.snapshots as snapshots
    left join changes on changes.date = snapshots.date
    where snapshots.date between from_date() and to_date()
)

select * from final

-- materialize: incremental
-- grain: day, limit_ccd
-- column: limit_ccd lower bound of a balance, CCD
-- column: account_count accounts that came to the limit less those that fell below it
-- column: total_microccd change of what accounts at or above the limit hold
--
-- What moves between balance limits from a snapshot to the next, one row per day and limit.

with

limits as (
    select
        limit_ccd,
        limit_ccd * 1000000 as limit_microccd,
    from holder_limits()
),

changes as (
    select
        date,
        coalesce(total_microccd, -1) as now_microccd,
        coalesce(previous_total_microccd, -1) as was_microccd,
    from stg.balance_changes
    where date between from_date() and to_date()
),

final as (
    select
        changes.date,
        limits.limit_ccd,
        sum((now_microccd >= limit_microccd)::int - (was_microccd >= limit_microccd)::int)::bigint as account_count,
        sum(
            case when now_microccd >= limit_microccd then now_microccd else 0 end
            - case when was_microccd >= limit_microccd then was_microccd else 0 end
        )::bigint as total_microccd,
    from changes
    cross join limits
    group by all
)

select * from final

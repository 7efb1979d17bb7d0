-- materialize: incremental
-- grain: day
-- column: staked_microccd change of all stake, that of delegators included
-- column: delegated_microccd change of the stake of accounts with a delegation target
-- column: open_for_all validators whose pool_status is spelled open_for_all, and so on
--
-- How stake changed between a snapshot and the one before, summed over accounts, one row per snapshot with changes.
-- Every column is what is now less what was.

with

sides as (
    select
        date,
        1 as sign,
        baker_id,
        staked_microccd,
        pool_status,
        delegation_target,
        is_suspended,
    from stg.stake_changes
    where date between from_date() and to_date()
    union all
    select
        date,
        -1 as sign,
        previous_baker_id,
        previous_staked_microccd,
        previous_pool_status,
        previous_delegation_target,
        previous_is_suspended,
    from stg.stake_changes
    where date between from_date() and to_date()
),

final as (
    select
        date,
        sum(sign * coalesce(staked_microccd, 0))::bigint as staked_microccd,
        coalesce(sum(sign * staked_microccd) filter (where delegation_target is not null), 0)::bigint as delegated_microccd,
        coalesce(sum(sign) filter (where baker_id is not null), 0)::bigint as validator_count,
        coalesce(sum(sign) filter (where is_suspended), 0)::bigint as suspended_count,
        coalesce(sum(sign) filter (where delegation_target is not null), 0)::bigint as delegator_count,
        coalesce(sum(sign) filter (where pool_status = 'openForAll'), 0)::bigint as openforall,
        coalesce(sum(sign) filter (where pool_status = 'closedForAll'), 0)::bigint as closedforall,
        coalesce(sum(sign) filter (where pool_status = 'closedForNew'), 0)::bigint as closedfornew,
        coalesce(sum(sign) filter (where pool_status = 'open_for_all'), 0)::bigint as open_for_all,
        coalesce(sum(sign) filter (where pool_status = 'closed_for_all'), 0)::bigint as closed_for_all,
        coalesce(sum(sign) filter (where pool_status = 'closed_for_new'), 0)::bigint as closed_for_new,
    from sides
    group by all
)

select * from final

-- column: total_microccd sum of all balances of the snapshot
-- column: moved_microccd sum of the differences to the snapshot before
-- column: staked_microccd all stake, that of delegators included
-- column: openforall validators whose pool_status is spelled openForAll, and so on
--
-- Sums over a snapshot, one row per snapshot: running sums of the deltas. They follow from that day's snapshot alone: a
-- correction changes the deltas of its day and the next and no other sum, so what reads this needs no lookback.

with

final as (
    select
        balances.date,
        (sum(balances.account_count) over days)::bigint as account_count,
        (sum(balances.total_microccd) over days)::bigint as total_microccd,
        (sum(balances.locked_microccd) over days)::bigint as locked_microccd,
        balances.moved_microccd,
        (coalesce(sum(stakes.staked_microccd) over days, 0))::bigint as staked_microccd,
        (coalesce(sum(stakes.delegated_microccd) over days, 0))::bigint as delegated_microccd,
        (coalesce(sum(stakes.validator_count) over days, 0))::bigint as validator_count,
        (coalesce(sum(stakes.suspended_count) over days, 0))::bigint as suspended_count,
        (coalesce(sum(stakes.delegator_count) over days, 0))::bigint as delegator_count,
        (coalesce(sum(stakes.openforall) over days, 0))::bigint as openforall,
        (coalesce(sum(stakes.closedforall) over days, 0))::bigint as closedforall,
        (coalesce(sum(stakes.closedfornew) over days, 0))::bigint as closedfornew,
        (coalesce(sum(stakes.open_for_all) over days, 0))::bigint as open_for_all,
        (coalesce(sum(stakes.closed_for_all) over days, 0))::bigint as closed_for_all,
        (coalesce(sum(stakes.closed_for_new) over days, 0))::bigint as closed_for_new,
    from mid.balance_deltas as balances
    left join mid.stake_deltas as stakes on stakes.date = balances.date
    window days as (order by balances.date)
)

select * from final

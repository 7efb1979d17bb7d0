-- materialize: incremental
-- grain: day
-- requires: raw.tokenomics the node's totals
-- export: statistics_network_summary
-- spread: suspended
-- check: unique date
-- check: not_null _id, date, total_amount, account_count, validator_count
-- check: expect validator_count <= account_count
-- guard: never_decreases account_count
-- column: protocol_version name of the enum
-- column: total_amount CCD that exist
-- column: total_encrypted_amount CCD in encrypted balances
-- column: baking_reward_account CCD
-- column: finalization_reward_account CCD
-- column: gas_account CCD
-- column: account_count accounts in the snapshot
-- column: validator_count accounts with a baker id
-- column: suspended suspended_count: suspended validators, where the snapshot tells
--
-- The chain at the end of a day: what the node says and what the snapshot counts, one row per day.

with

final as (
    select
        concat(totals.date, '-statistics_network_summary') as _id,
        'statistics_network_summary' as type,
        totals.date,
        concat('PROTOCOL_VERSION_', tokenomics.protocol_version + 1) as protocol_version,
        ccd(tokenomics.total_amount_microccd) as total_amount,
        ccd(tokenomics.total_encrypted_amount_microccd) as total_encrypted_amount,
        ccd(tokenomics.baking_reward_account_microccd) as baking_reward_account,
        ccd(tokenomics.finalization_reward_account_microccd) as finalization_reward_account,
        ccd(tokenomics.gas_account_microccd) as gas_account,
        totals.account_count,
        totals.validator_count,
        case
            when list_contains(snapshots.column_names, 'is_suspended') then map(['suspended_count'], [totals.suspended_count])
        end as suspended,
    from mid.snapshot_totals as totals
    inner join raw.tokenomics as tokenomics on tokenomics.date = totals.date
    inner join raw.snapshots as snapshots on snapshots.date = totals.date
    where totals.date between from_date() and to_date()
)

select * from final

-- requires: raw.snapshots the balance snapshot
-- column: staked_microccd what the account stakes, as a validator or as a delegator
-- column: delegation_target null: it does not delegate
--
-- One row per account and snapshot in which what it stakes differs from the snapshot before. All null: nothing.

select
    date,
    account_id,
    baker_id,
    staked_microccd,
    pool_status,
    delegation_target,
    is_suspended,
    previous_baker_id,
    previous_staked_microccd,
    previous_pool_status,
    previous_delegation_target,
    previous_is_suspended,
from raw.stake_changes

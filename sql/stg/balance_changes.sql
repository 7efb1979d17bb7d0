-- requires: raw.snapshots the balance snapshot
-- column: total_microccd balance at the end of the day, null: the account is gone
-- column: previous_total_microccd balance in the snapshot before, null: the account is new
--
-- One row per account and snapshot in which its balances differ from the snapshot before.

select
    date,
    account_id,
    total_microccd,
    locked_microccd,
    previous_total_microccd,
    previous_locked_microccd,
from raw.balance_changes

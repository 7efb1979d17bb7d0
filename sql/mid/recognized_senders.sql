-- materialize: incremental
-- grain: day, sender_id
-- requires: stg.transaction_days the day's transactions
-- column: sender_id id of the sender's address
-- column: project_id the project that the account belongs to now
--
-- Senders that are an account of a project, one row per day and sender with transactions that were stored without a
-- recognized sender. A new projects list rebuilds this table alone, and mid.transaction_counts for the days on which it
-- then differs.

with

project_senders as (
    select
        addresses.address_id as sender_id,
        accounts.project_id,
    from mid.project_accounts as accounts
    inner join raw.addresses as addresses on addresses.address = accounts.account_address
),

final as (
    select distinct
        transactions.date,
        transactions.sender_id,
        project_senders.project_id,
    from raw.transactions as transactions
    inner join project_senders on project_senders.sender_id = transactions.sender_id
    where transactions.date between from_date() and to_date()
        and transactions.recognized_sender_id is null
)

select * from final

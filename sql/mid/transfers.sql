-- materialize: incremental
-- grain: day, kind, sender, receiver
-- requires: stg.transaction_days the day's transactions
-- column: kind transfer, scheduled or token
-- column: sender account_number() of the sending account
-- column: receiver account_number() of the receiving account
--
-- How often an account transferred to another, or to itself, one row per day, kind and pair of accounts. Aliases are one
-- account. mid.transfer_accounts has the addresses.

with

transfers as (
    select *
    from stg.transfers
    where date between from_date() and to_date()
),

ids as (
    select sender_id as address_id from transfers
    union
    select receiver_id from transfers
),

accounts as (
    select
        addresses.address_id,
        account_number(addresses.address) as account,
    from raw.addresses as addresses
    semi join ids on ids.address_id = addresses.address_id
),

final as (
    select
        transfers.date,
        transfers.kind,
        coalesce(senders.account, account_number(transfers.sender_address)) as sender,
        coalesce(receivers.account, account_number(transfers.receiver_address)) as receiver,
        count(*) as transfer_count,
    from transfers
    left join accounts as senders on senders.address_id = transfers.sender_id
    left join accounts as receivers on receivers.address_id = transfers.receiver_id
    group by all
)

select * from final

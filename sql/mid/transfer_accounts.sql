-- materialize: state
-- grain: day, account
-- columns: date date, account ubigint, account_address_canonical varchar
-- check: unique account
-- column: date the first day on which the account transferred to another or received from one
-- column: account account_number() of the account
--
-- Accounts that took part in a transfer to another, in whatever way, one row per account.

with

ends as (
    select
        sender as account,
        date,
    from mid.new_transfer_edges
    where date between from_date() and to_date()
    union all
    select
        receiver as account,
        date,
    from mid.new_transfer_edges
    where date between from_date() and to_date()
),

accounts as (
    select
        account,
        min(date) as date,
    from ends
    group by all
),

known as (
    select account
    from mid.transfer_accounts
    where date < from_date()
),

new_accounts as (
    select
        date,
        account,
    from accounts
    anti join known using (account)
),

transfers as (
    select *
    from stg.transfers
    where date between from_date() and to_date()
),

addresses as (
    select address
    from raw.addresses
    where address_id in (select sender_id from transfers) or address_id in (select receiver_id from transfers)
    union all
    select sender_address from transfers where sender_address is not null
    union all
    select receiver_address from transfers where receiver_address is not null
),

names as (
    select
        account_number(address) as account,
        any_value(canonical(address)) as account_address_canonical,
    from addresses
    group by all
),

final as (
    select
        new_accounts.date,
        new_accounts.account,
        names.account_address_canonical,
    from new_accounts
    inner join names on names.account = new_accounts.account
)

select * from final

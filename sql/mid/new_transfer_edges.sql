-- materialize: state
-- grain: day, sender, receiver
-- columns: date date, sender ubigint, receiver ubigint
-- column: date the first day on which the one transferred to the other
-- column: sender account_number() of the sending account
-- column: receiver account_number() of the receiving account
--
-- When an account transferred to another for the first time, in whatever way, one row per pair of accounts.

with

edges as (
    select
        sender,
        receiver,
        min(date) as date,
    from mid.transfers
    where date between from_date() and to_date()
        and sender <> receiver
    group by all
),

known as (
    select
        sender,
        receiver,
    from mid.new_transfer_edges
    where date < from_date()
),

final as (
    select
        date,
        sender,
        receiver,
    from edges
    anti join known using (sender, receiver)
)

select * from final

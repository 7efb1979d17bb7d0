-- column: kind transfer: of CCD; scheduled: of CCD with a release schedule; token: of a protocol-level token
-- column: sender_id id of the sender's address; null: sender_address has it
-- column: receiver_id id of the receiver's address; null: receiver_address has it
-- column: sender_address full address, where it has no id here
-- column: receiver_address full address, where it has no id here
--
-- Transfers between accounts, one row each: those that succeeded. Token transfers are events of token updates and of meta
-- updates.

with

token_transfers as (
    select
        date,
        unnest(from_json(coalesce(token_events, meta_events), '[{
            "transfer_event": {"from_": {"account": "VARCHAR"}, "to": {"account": "VARCHAR"}}
        }]')).transfer_event as transfer,
    from raw.transactions
    where token_events is not null or meta_events is not null
),

final as (
    select
        date,
        'transfer' as kind,
        sender_id,
        receiver_id,
        null::varchar as sender_address,
        null::varchar as receiver_address,
    from raw.transactions
    where receiver_id is not null
    union all
    select
        date,
        'scheduled' as kind,
        sender_id,
        null as receiver_id,
        null as sender_address,
        schedule ->> '$.receiver' as receiver_address,
    from raw.transactions
    where schedule is not null
    union all
    select
        date,
        'token' as kind,
        null as sender_id,
        null as receiver_id,
        transfer.from_.account as sender_address,
        transfer.to.account as receiver_address,
    from token_transfers
    where transfer.from_.account is not null and transfer.to.account is not null
)

select * from final

-- materialize: incremental
-- grain: day, token
-- requires: stg.transaction_days the day's transactions
-- check: unique date, token
-- check: expect unreadable_count = 0
-- column: event_count events of the token, and one more for its creation
-- column: minted sum of amounts, in the token's smallest unit
-- column: burned sum of amounts, in the token's smallest unit
-- column: transferred sum of amounts, in the token's smallest unit
-- column: unreadable_count events whose amount is no whole number
--
-- What was done with protocol-level tokens, one row per day and token: events of token updates and of creations. Other
-- kinds of transactions (meta updates) have events too; they do not count.

with

transactions as (
    select
        date,
        token_events,
        token_creation,
    from raw.transactions
    where date between from_date() and to_date()
        and (token_events is not null or token_creation is not null)
),

lists as (
    select
        date,
        token_events as events,
    from transactions
    where token_events is not null
    union all
    select
        date,
        token_creation -> '$.events' as events,
    from transactions
    where token_creation is not null
),

-- One pass over the JSON. Numbers are read as texts: no double on the way.
events as (
    select
        date,
        unnest(from_json(events, '[{
            "token_id": "VARCHAR",
            "module_event": "JSON",
            "transfer_event": {"amount": {"value": "VARCHAR"}},
            "mint_event": {"amount": {"value": "VARCHAR"}},
            "burn_event": {"amount": {"value": "VARCHAR"}}
        }]')) as event,
    from lists
),

rows as (
    select
        date,
        event.token_id as token,
        case
            when event.module_event is not null then 'module'
            when event.transfer_event is not null then 'transfer'
            when event.mint_event is not null then 'mint'
            when event.burn_event is not null then 'burn'
        end as kind,
        coalesce(event.transfer_event, event.mint_event, event.burn_event).amount.value as amount,
    from events
    union all
    select
        date,
        token_creation ->> '$.create_plt.token_id' as token,
        'creation' as kind,
        null as amount,
    from transactions
    where token_creation is not null
),

amounts as (
    select
        date,
        token,
        kind,
        try_cast(amount as hugeint) as amount,
    from rows
    where token is not null
),

final as (
    select
        date,
        token,
        count(*) as event_count,
        coalesce(sum(amount) filter (where kind = 'mint'), 0)::hugeint as minted,
        coalesce(sum(amount) filter (where kind = 'burn'), 0)::hugeint as burned,
        coalesce(sum(amount) filter (where kind = 'transfer'), 0)::hugeint as transferred,
        count(*) filter (where kind in ('mint', 'burn', 'transfer') and amount is null) as unreadable_count,
    from amounts
    group by all
)

select * from final

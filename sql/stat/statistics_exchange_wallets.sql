-- materialize: table
-- grain: day
-- requires: stg.impacted_address_days the day's impacted addresses
-- export: statistics_exchange_wallets
-- spread: exchanges
-- check: unique date
-- check: not_null _id, date
-- column: exchanges addresses of each exchange that were impacted up to and including the day
--
-- How many addresses of exchanges have been seen, one row per day: all aliases of their labelled accounts, by rewards too.
-- The day that an impacted address's document names decides, not its block; one that names none never counts.

with

exchanges as (
    select
        exchange,
        any_value(position) as position,
    from stg.exchange_accounts
    group by all
),

canonical_ids as (
    select
        accounts.exchange,
        addresses.address_id,
    from stg.exchange_accounts as accounts
    inner join raw.addresses as addresses on addresses.address = accounts.account_address_canonical
),

first_seen as (
    select
        canonical_ids.exchange,
        impacted.address_id,
        min(try_cast(impacted.document_date as date)) as date,
    from raw.impacted_addresses as impacted
    inner join canonical_ids on canonical_ids.address_id = impacted.canonical_address_id
    where impacted.address_id is not null
    group by all
),

so_far as (
    select
        exchange,
        date,
        sum(count(*)) over (partition by exchange order by date) as address_count,
    from first_seen
    where date is not null
    group by exchange, date
),

wallets as (
    select
        blocks.date,
        exchanges.exchange,
        exchanges.position,
        coalesce(so_far.address_count, 0)::bigint as address_count,
    from raw.blocks_per_day as blocks
    cross join exchanges
    asof left join so_far on so_far.exchange = exchanges.exchange and so_far.date <= blocks.date
),

days as (
    select
        date,
        map(list(exchange order by position), list(address_count order by position)) as exchanges,
    from wallets
    where is_free_name(exchange, [])
    group by all
),

final as (
    select
        concat(blocks.date, '-statistics_exchange_wallets') as _id,
        'statistics_exchange_wallets' as type,
        blocks.date,
        days.exchanges,
    from raw.blocks_per_day as blocks
    left join days on days.date = blocks.date
)

select * from final

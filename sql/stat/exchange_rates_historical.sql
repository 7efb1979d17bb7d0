-- materialize: incremental
-- grain: day, token
-- export: exchange_rates_historical
-- collection: exchange_rates_historical
-- database: utilities
-- spread: time
-- check: unique _id
-- check: not_null _id, token, date, rate, source
-- column: token token or currency
-- column: time timestamp: the time that CoinGecko gives with the rate, milliseconds since 1970
-- column: rate USD per token
-- column: source CoinGecko or exchange-api
--
-- Rates that were fetched, as they go back to the collection, one row per day and token. Where MongoDB has a rate of its own
-- by now, that one stands here too: a document is never taken back.

with

fetched as (
    select distinct
        date,
        token,
    from raw.fetched_rates
    where rate > 0 and isfinite(rate)
        and date between from_date() and to_date()
),

final as (
    select
        concat('USD/', rates.token, '-', rates.date) as _id,
        rates.token,
        case when rates.timestamp_ms is not null then map(['timestamp'], [rates.timestamp_ms]) end as time,
        rates.date,
        rates.rate_usd as rate,
        rates.source,
    from stg.exchange_rates as rates
    inner join fetched on fetched.date = rates.date and fetched.token = rates.token
)

select * from final

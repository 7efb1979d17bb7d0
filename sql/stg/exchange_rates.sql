-- column: rate_usd USD per token
-- column: source where the rate comes from
-- column: timestamp_ms the time that CoinGecko gives with a rate, milliseconds since 1970
--
-- What tokens and currencies were worth, one row per day and token. MongoDB's rate stands before one that was fetched, unless
-- that was asked for to take its place; CoinGecko stands before exchange-api. Of several documents that of the usual id,
-- USD/TOKEN-DATE, counts, else the one with the first id. What is no number of 0 or more is no rate:
-- checks.rates_are_numbers tells.

with

documents as (
    select
        date,
        token,
        min_by(rate, (id <> concat('USD/', token, '-', date), id)) as rate_usd,
        arg_min_null(source, (id <> concat('USD/', token, '-', date), id)) as source,
        arg_min_null(timestamp_ms, (id <> concat('USD/', token, '-', date), id)) as timestamp_ms,
    from raw.exchange_rates_historical
    where isfinite(rate) and rate >= 0
    group by all
),

fetched as (
    select
        date,
        token,
        min_by(rate, (not coalesce(overrides, false), source)) as rate_usd,
        min_by(source, (not coalesce(overrides, false), source)) as source,
        arg_min_null(timestamp_ms, (not coalesce(overrides, false), source)) as timestamp_ms,
        bool_or(coalesce(overrides, false)) as overrides,
    from raw.fetched_rates
    where isfinite(rate) and rate > 0
    group by all
),

final as (
    select
        date,
        token,
        rate_usd,
        source,
        timestamp_ms,
    from documents
    where (date, token) not in (select (date, token) from fetched where overrides)
    union all
    select
        date,
        token,
        rate_usd,
        source,
        timestamp_ms,
    from fetched
    where overrides or (date, token) not in (select (date, token) from documents)
)

select * from final

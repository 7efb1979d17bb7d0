-- column: rate_usd USD per token
-- column: source where the rate comes from
--
-- What tokens and currencies were worth, one row per day and token. Of several documents that of the usual id,
-- USD/TOKEN-DATE, counts, else the one with the first id. What is no number of 0 or more is no rate:
-- checks.rates_are_numbers tells.

select
    date,
    token,
    min_by(rate, (id <> concat('USD/', token, '-', date), id)) as rate_usd,
    arg_min_null(source, (id <> concat('USD/', token, '-', date), id)) as source,
from raw.exchange_rates_historical
where isfinite(rate) and rate >= 0
group by all

-- column: rate_usd USD per token, as written; of several the one with the first id
--
-- What tokens and currencies were worth, one row per day and token.

select
    date,
    token,
    min_by(rate, id) as rate_usd,
from raw.exchange_rates_historical
group by all

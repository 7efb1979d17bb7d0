-- column: rate_usd USD per CCD
--
-- The CCD rate of each day that has one, one row per day.

select
    date,
    rate_usd,
from stg.exchange_rates
where token = 'CCD'

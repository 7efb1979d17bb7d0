-- column: rate_usd USD per CCD
--
-- The CCD rate of each day that has one.

select
    date,
    rate as rate_usd,
from raw.exchange_rates_historical
where token = 'CCD'

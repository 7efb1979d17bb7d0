-- severity: warn
-- depends: stg.exchange_rates
--
-- Rates that are negative, infinite or no number, and several rates for one token and day.

select
    id,
    date,
    token,
    rate,
from raw.exchange_rates_historical
where not isfinite(rate) or rate < 0
    or (date, token) in (select (date, token) from raw.exchange_rates_historical group by date, token having count(*) > 1)

-- severity: warn
-- depends: stat.statistics_realized_prices
--
-- Days without a CCD rate: realized prices use the stand-in rate there.

select
    date,
    rate_usd as stand_in_rate_usd,
from mid.ccd_rates_filled
where is_stand_in

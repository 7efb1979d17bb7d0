-- column: date a complete day whose volume of trade is known
--
-- Days of which CoinGecko has told CCD's price and volume, and those before CCD was traded, one row per day: what the
-- statistic on volumes waits for.

select date from raw.ccd_volumes
union
select date from raw.blocks_per_day
where date < ccd_listed_on()

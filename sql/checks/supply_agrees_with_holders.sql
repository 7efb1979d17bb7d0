-- severity: error
--
-- The supply of ccd_classified and the amount of all holders differ by less than a CCD.

select
    classified.date,
    classified.total_supply,
    holders.holders['amount_>=0'] as amount_of_holders,
from stat.statistics_ccd_classified as classified
inner join stat.statistics_daily_holders as holders on holders.date = classified.date
where abs(classified.total_supply - holders.holders['amount_>=0']) > 1

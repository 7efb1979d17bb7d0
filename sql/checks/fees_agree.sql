-- severity: error
--
-- The fees in all buckets of a day are those of statistics_transaction_fees.

select
    buckets.date,
    list_sum(map_values(buckets.fees)) as fees_in_buckets,
    fees.fee_for_day,
from stat.statistics_transaction_fee_buckets as buckets
inner join stat.statistics_transaction_fees as fees on fees.date = buckets.date
where list_sum(map_values(buckets.fees)) <> fees.fee_for_day

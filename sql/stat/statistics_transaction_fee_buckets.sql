-- materialize: incremental
-- grain: day
-- requires: stg.transaction_days the day's transactions
-- export: statistics_transaction_fee_buckets
-- check: unique date
-- check: not_null _id, date, transaction_count, fee_microccd, transactions, fees, complete
-- check: expect median_ccd <= p90_ccd and p90_ccd <= p99_ccd
-- check: expect list_sum(map_values(transactions)) = transaction_count and list_sum(map_values(fees)) = fee_microccd
-- column: transaction_count account transactions
-- column: fee_microccd what their senders paid, microCCD
-- column: transactions account transactions per bucket of what the sender paid, in CCD: 0, <0.01, <0.1, <1, <10, <100, >=100
-- column: fees what was paid in each bucket, microCCD
-- column: median_ccd the lowest fee that at least half of the transactions do not exceed, CCD; null without transactions
-- column: p90_ccd the same for 90 of 100 transactions, CCD
-- column: p99_ccd the same for 99 of 100 transactions, CCD
-- column: median_usd median_ccd at the day's rate, USD
-- column: p90_usd p90_ccd at the day's rate, USD
-- column: p99_usd p99_ccd at the day's rate, USD
-- column: ccd_rate_usd USD per CCD; null, and the values in USD with it, while no rate is known
-- column: complete whether the day has a rate
--
-- What account transactions cost their senders, one row per day. A bucket holds the fees below its limit that the bucket
-- before does not hold; 0 holds what was free or paid by a sponsor, >=100 all the rest. Every bucket has its fields, also
-- at 0. Quantiles are by nearest rank: fees that someone paid.
--
-- A day does not wait for its rate: counts and CCD are right without it. When the rate comes, the document is completed.

with

fees as (
    select
        date,
        cost_microccd as fee_microccd,
    from raw.transactions
    where date between from_date() and to_date()
        and cost_microccd is not null
),

days as (
    select blocks.date
    from raw.blocks_per_day as blocks
    where blocks.date between from_date() and to_date()
),

sums as (
    select
        date,
        fee_bucket(fee_microccd) as position,
        count(*) as transaction_count,
        sum(fee_microccd)::bigint as fee_microccd,
    from fees
    group by all
),

bucketed as (
    select
        days.date,
        sum(coalesce(sums.transaction_count, 0))::bigint as transaction_count,
        sum(coalesce(sums.fee_microccd, 0))::bigint as fee_microccd,
        map(list(buckets.bucket order by buckets.position), list(coalesce(sums.transaction_count, 0) order by buckets.position)) as transactions,
        map(list(buckets.bucket order by buckets.position), list(coalesce(sums.fee_microccd, 0) order by buckets.position)) as fees,
    from days
    cross join fee_buckets() as buckets
    left join sums on sums.date = days.date and sums.position = buckets.position
    group by days.date
),

quantiles as (
    select
        date,
        quantile_disc(fee_microccd, [0.5, 0.9, 0.99]) as fees,
    from fees
    group by all
),

final as (
    select
        concat(bucketed.date, '-statistics_transaction_fee_buckets') as _id,
        bucketed.date,
        'statistics_transaction_fee_buckets' as type,
        bucketed.transaction_count,
        bucketed.fee_microccd,
        bucketed.transactions,
        bucketed.fees,
        ccd(quantiles.fees[1]) as median_ccd,
        ccd(quantiles.fees[2]) as p90_ccd,
        ccd(quantiles.fees[3]) as p99_ccd,
        ccd(quantiles.fees[1]) * rates.rate_usd as median_usd,
        ccd(quantiles.fees[2]) * rates.rate_usd as p90_usd,
        ccd(quantiles.fees[3]) * rates.rate_usd as p99_usd,
        rates.rate_usd as ccd_rate_usd,
        rates.rate_usd is not null as complete,
    from bucketed
    left join quantiles on quantiles.date = bucketed.date
    left join stg.ccd_rates as rates on rates.date = bucketed.date
)

select * from final

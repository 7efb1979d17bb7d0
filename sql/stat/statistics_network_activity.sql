-- materialize: incremental
-- grain: day
-- lookback: 1
-- requires: mid.inflation the snapshots and the node's totals of the day and the day before
-- export: statistics_network_activity
-- check: unique date
-- check: not_null _id, date, network_activity
-- check: expect network_activity >= 0
-- column: network_activity CCD that changed hands
--
-- Half of all differences of balances to the day before, inflation aside, one row per day.

with

final as (
    select
        concat(totals.date, '-statistics_network_activity') as _id,
        totals.date,
        'statistics_network_activity' as type,
        ccd(greatest(totals.moved_microccd::hugeint - inflation.inflation_ccd::hugeint * 1000000, 0)) / 2 as network_activity,
    from mid.snapshot_totals as totals
    inner join mid.inflation as inflation on inflation.date = totals.date
    where totals.date between from_date() and to_date()
)

select * from final

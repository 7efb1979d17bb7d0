-- materialize: incremental
-- grain: day
-- lookback: all
-- export: statistics_realized_prices
-- check: unique date
-- check: not_null _id, date, realised_cap
-- check: expect realised_cap >= 0
-- column: realised_cap all balances at their cost basis, USD
-- column: realised_price realised cap per CCD of supply, USD; null without supply
--
-- What the supply cost those who hold it, one row per day. It follows from all days before.

with

value_changes as (
    select
        date,
        sum(value_change_usd) as value_change_usd,
    from mid.cost_bases
    group by all
),

caps as (
    select
        totals.date,
        totals.total_microccd,
        (coalesce(sum(value_changes.value_change_usd) over (order by totals.date), 0))::double as realised_cap,
    from mid.snapshot_totals as totals
    left join value_changes on value_changes.date = totals.date
),

final as (
    select
        concat(date, '-statistics_realized_prices') as _id,
        date,
        'statistics_realized_prices' as type,
        realised_cap,
        realised_cap / nullif(ccd(total_microccd), 0) as realised_price,
    from caps
)

select * from final

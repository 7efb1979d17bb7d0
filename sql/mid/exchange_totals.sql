-- column: total_microccd what the exchange's accounts hold
-- column: position place of the exchange among the exchanges
--
-- What exchanges hold, one row per snapshot and exchange: running sums, as in mid.snapshot_totals.

with

exchanges as (
    select
        exchange,
        any_value(position) as position,
    from stg.exchange_accounts
    group by all
),

days as (
    select
        snapshots.date,
        exchanges.exchange,
        exchanges.position,
    from raw.snapshots as snapshots
    cross join exchanges
),

final as (
    select
        days.date,
        days.exchange,
        days.position,
        (coalesce(sum(deltas.total_microccd) over so_far, 0))::bigint as total_microccd,
    from days
    left join mid.exchange_deltas as deltas on deltas.date = days.date and deltas.exchange = days.exchange
    window so_far as (partition by days.exchange order by days.date)
)

select * from final

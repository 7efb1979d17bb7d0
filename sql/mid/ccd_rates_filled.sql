-- column: rate_usd USD per CCD
-- column: is_stand_in there is no rate for the day: it is that of the chain's start
--
-- A CCD rate for every snapshot, one row per snapshot.

with

final as (
    select
        snapshots.date,
        coalesce(rates.rate_usd, stand_in_rate_usd()) as rate_usd,
        rates.rate_usd is null as is_stand_in,
    from raw.snapshots as snapshots
    left join stg.ccd_rates as rates on rates.date = snapshots.date
)

select * from final

-- materialize: incremental
-- grain: day
-- requires: stg.ccd_volume_days CoinGecko's price and volume of CCD
-- export: statistics_ccd_volume
-- check: unique date
-- check: not_null _id, date, ccd_usd, ccd_eur, vol_usd, vol_eur, vol_ccd
-- column: ccd_usd USD per CCD, as text with six decimals
-- column: ccd_eur EUR per CCD, as text with six decimals
-- column: vol_usd traded on the day, whole USD, as text
-- column: vol_eur traded on the day, whole EUR, as text
-- column: vol_ccd traded on the day, whole CCD, as text: vol_usd at the day's price
-- column: label what the website calls it
--
-- CCD's price and volume of trade, as CoinGecko tells them, one row per day from the day on which CCD was listed. What it
-- tells of one day is wrong: corrected_ccd_volumes() has that day's volume.

with

volumes as (
    select
        volumes.*,
        coalesce(corrections.volume_ccd, volumes.volume_usd / volumes.price_usd) as volume_ccd,
    from raw.ccd_volumes as volumes
    left join corrected_ccd_volumes() as corrections on corrections.date = volumes.date
    where volumes.date between from_date() and to_date()
        and volumes.date >= ccd_listed_on()
),

final as (
    select
        concat(date, '-statistics_ccd_volume') as _id,
        'statistics_ccd_volume' as type,
        date,
        format('{:.6f}', price_usd) as ccd_usd,
        format('{:.6f}', price_eur) as ccd_eur,
        format('{:.0f}', volume_usd) as vol_usd,
        format('{:.0f}', volume_eur) as vol_eur,
        format('{:.0f}', volume_ccd) as vol_ccd,
        'Total Volume' as label,
    from volumes
)

select * from final

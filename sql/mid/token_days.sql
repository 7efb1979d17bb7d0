-- column: position place of the token in plts_tags
-- column: decimals digits behind the point of an amount
-- column: total_supply at the end of the day, in the token's smallest unit, as are minted, burned and transferred
-- column: event_count events of the token, and one more for its creation
-- column: fx_rate USD per unit of the currency that the token tracks
-- column: is_stand_in there is no rate for the day: fx_rate is 1
--
-- Protocol-level tokens that plts_tags has and that the node knew, one row per day and token.

with

final as (
    select
        infos.date,
        tags.id as token,
        tags.position,
        tags.stablecoin_tracks,
        infos.decimals,
        infos.total_supply,
        coalesce(movements.event_count, 0) as event_count,
        coalesce(movements.minted, 0) as minted,
        coalesce(movements.burned, 0) as burned,
        coalesce(movements.transferred, 0) as transferred,
        coalesce(rates.rate_usd, stand_in_fx_rate()) as fx_rate,
        rates.rate_usd is null as is_stand_in,
    from raw.token_info as infos
    inner join raw.plts_tags as tags on tags.id = infos.token
    left join mid.token_movements as movements on movements.date = infos.date and movements.token = infos.token
    left join stg.exchange_rates as rates on rates.date = infos.date and rates.token = tags.stablecoin_tracks
    where infos.missing is null
)

select * from final

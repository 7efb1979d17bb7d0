-- materialize: incremental
-- grain: day
-- requires: stg.token_info_days what the node knows of tokens
-- export: statistics_plt
-- check: unique date
-- check: not_null _id, date, tokens
-- column: tokens per token: symbol, fx_rate (USD per unit of stablecoin_tracks, 1 where none is known), count_txs (events, and one for the creation), and mint, burn, transfer and total_supply in local_currency and in USD
--
-- Protocol-level tokens, one row per day: what the node knew of those in plts_tags, in that order, and what was done with
-- them on the day. Where fx_rate is a stand-in, mid.token_days tells it.

with

amounts as (
    select
        *,
        token_amount(minted, decimals) as mint,
        token_amount(burned, decimals) as burn,
        token_amount(transferred, decimals) as transfer,
        token_amount(total_supply, decimals) as supply,
    from mid.token_days
    where date between from_date() and to_date()
),

tokens as (
    select
        date,
        map(
            list(token order by position),
            list({
                'symbol': token,
                'fx_rate': fx_rate,
                'stablecoin_tracks': stablecoin_tracks,
                'count_txs': event_count,
                'local_currency': {'mint': mint, 'burn': burn, 'transfer': transfer, 'total_supply': supply},
                'USD': {'mint': mint * fx_rate, 'burn': burn * fx_rate, 'transfer': transfer * fx_rate, 'total_supply': supply * fx_rate}
            } order by position)
        ) as fields,
    from amounts
    group by date
),

final as (
    select
        concat(days.date, '-statistics_plt') as _id,
        days.date,
        'statistics_plt' as type,
        coalesce(tokens.fields, map([], [])) as tokens,
    from raw.blocks_per_day as days
    left join tokens on tokens.date = days.date
    where days.date between from_date() and to_date()
)

select * from final

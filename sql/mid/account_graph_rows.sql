-- materialize: incremental
-- grain: day, account
-- lookback: 1
-- requires: stg.ccd_rates a CCD rate
-- requires: raw.blocks_per_day the day's end in blocks_per_day
-- match: raw.stable_address_info on account_address_canonical in mid.balance_moves
-- column: total_microccd balance at the end of the day
-- column: rate_usd USD per CCD on the day
--
-- The rows of account_graph with integers for texts: accounts known to stable_address_info whose balance moved.

with

final as (
    select
        moves.date,
        moves.account_id,
        known.account_index,
        moves.total_microccd,
        rates.rate_usd,
    from mid.balance_moves as moves
    inner join raw.stable_address_info as known on known.account_address_canonical = moves.account_address_canonical
    inner join stg.ccd_rates as rates on rates.date = moves.date
    where moves.date between from_date() and to_date()
)

select * from final

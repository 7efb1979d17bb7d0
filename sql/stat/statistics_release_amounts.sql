-- materialize: incremental
-- grain: day
-- export: statistics_release_amounts
-- check: unique date
-- check: not_null _id, date, total_amount, total_amount_released
-- check: expect total_amount_released between 0 and total_amount
-- column: block_hash hash of the day's last block
-- column: block_height height of the day's last block
-- column: total_amount sum of all balances, microCCD
-- column: total_amount_released of them not locked in release schedules, microCCD
--
-- What is released of the supply, from snapshots, one row per day.

with

final as (
    select
        concat(totals.date, '-statistics_release_amounts') as _id,
        totals.date,
        'statistics_release_amounts' as type,
        blocks.hash_for_last_block as block_hash,
        blocks.height_for_last_block as block_height,
        totals.total_microccd as total_amount,
        totals.total_microccd - totals.locked_microccd as total_amount_released,
    from mid.snapshot_totals as totals
    inner join raw.blocks_per_day as blocks on blocks.date = totals.date
    where totals.date between from_date() and to_date()
)

select * from final

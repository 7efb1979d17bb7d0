-- materialize: incremental
-- grain: day
-- requires: mid.release_amounts CCDScan's answer or the balance snapshot
-- export: statistics_release_amounts
-- check: unique date
-- check: not_null _id, date, block_hash, block_height
-- check: warn not_null total_amount, total_amount_released
-- check: expect total_amount_released between 0 and total_amount
-- column: block_hash hash of the day's last block
-- column: block_height height of the day's last block
-- column: total_amount CCD that exist, microCCD
-- column: total_amount_released of them not locked in release schedules, microCCD; null where CCDScan answered without it
--
-- What is released of the supply, one row per day. Where it comes from, mid.release_amounts tells.

with

final as (
    select
        concat(date, '-statistics_release_amounts') as _id,
        date,
        'statistics_release_amounts' as type,
        block_hash,
        block_height,
        total_microccd as total_amount,
        released_microccd as total_amount_released,
    from mid.release_amounts
    where date between from_date() and to_date()
)

select * from final

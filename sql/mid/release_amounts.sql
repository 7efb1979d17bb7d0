-- optional: mid.snapshot_totals
-- column: source ccdscan: what it answered about the day's last block; snapshot: the sums of the day's balances
-- column: total_microccd CCD that exist
-- column: released_microccd of them not locked in release schedules; null where CCDScan answered without it
--
-- What is released of the supply, one row per day of which it is known: from CCDScan where it answered, else from the
-- balance snapshot.

with

answers as (
    select
        date,
        block_hash,
        block_height,
        total_amount_microccd as total_microccd,
        total_amount_released_microccd as released_microccd,
    from raw.ccdscan_release_amounts
    where block_height is not null
),

final as (
    select
        date,
        'ccdscan' as source,
        block_hash,
        block_height,
        total_microccd::bigint as total_microccd,
        released_microccd::bigint as released_microccd,
    from answers
    union all
    select
        totals.date,
        'snapshot' as source,
        blocks.hash_for_last_block as block_hash,
        blocks.height_for_last_block as block_height,
        totals.total_microccd,
        totals.total_microccd - totals.locked_microccd as released_microccd,
    from mid.snapshot_totals as totals
    inner join raw.blocks_per_day as blocks on blocks.date = totals.date
    where totals.date not in (select date from answers)
)

select * from final

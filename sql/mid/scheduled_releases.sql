-- column: date the first day at whose end the transfer is known
-- column: release_on the UTC day on which it unlocks
-- column: released_on the first day at whose last block it is unlocked; null: it is still locked
-- column: amount_microccd what unlocks, microCCD
--
-- What scheduled transfers lock and when it unlocks, one row per release. A block unlocks what is due at its slot time. A
-- transfer in a block between two days' ranges counts from the next day on.

with

days as (
    select
        date,
        height_for_last_block,
        coalesce(slot_time_for_last_block, date + interval 1 day) as ends_at,
    from raw.blocks_per_day
),

final as (
    select
        known.date,
        releases.release_at::date as release_on,
        case when released.date is not null then greatest(known.date, released.date) end as released_on,
        releases.amount_microccd,
    from stg.scheduled_releases as releases
    asof inner join days as known on releases.block_height <= known.height_for_last_block
    asof left join days as released on releases.release_at <= released.ends_at
    where releases.release_at is not null and releases.amount_microccd is not null
)

select * from final

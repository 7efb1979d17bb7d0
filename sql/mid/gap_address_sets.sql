-- materialize: table
-- grain: day, address_chunk
-- requires: stg.impacted_address_days the day's impacted addresses
-- column: date the first day after the gap
-- column: address_chunk which 65536 ids the bits stand for
-- column: addresses bit string: the canonical addresses that blocks of the gap impacted
--
-- As mid.impacted_address_sets, of blocks between the last block of a day and the first of the next day that blocks_per_day
-- has. They belong to no day, and to the weeks and months that have days on both sides.

with

gaps as (
    select
        date,
        lag(height_for_last_block) over (order by height_for_last_block) + 1 as first_height,
        height_for_first_block - 1 as last_height,
    from raw.blocks_per_day
),

final as (
    select
        gaps.date,
        address_chunk(impacted.canonical_address_id) as address_chunk,
        address_set(impacted.canonical_address_id) as addresses,
    from raw.impacted_addresses as impacted
    inner join gaps on impacted.block_height between gaps.first_height and gaps.last_height
    where impacted.date is null
        and impacted.canonical_address_id is not null
        and impacted.effect_type is distinct from 'Account Reward'
    group by all
)

select * from final

-- materialize: incremental
-- grain: day, address_chunk
-- requires: stg.impacted_address_days the day's impacted addresses
-- column: address_chunk which 65536 ids the bits stand for: address_chunk() of them
-- column: addresses bit string: the canonical addresses that the day's blocks impacted
--
-- Which addresses were impacted other than by a reward, one row per day and chunk of ids. Sets as bit strings count exactly,
-- and a week's set is the union of those of its days; see mid.unique_address_counts.

with

final as (
    select
        date,
        address_chunk(canonical_address_id) as address_chunk,
        address_set(canonical_address_id) as addresses,
    from raw.impacted_addresses
    where date between from_date() and to_date()
        and canonical_address_id is not null
        and effect_type is distinct from 'Account Reward'
    group by all
)

select * from final

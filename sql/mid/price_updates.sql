-- materialize: incremental
-- grain: day
-- column: contents micro_ccd_per_euro_update or euro_per_energy_update
-- column: payload the new ratio, as JSON
-- column: effective_time when it takes effect, seconds since 1970; null: at once
--
-- The chain's own updates of its prices, one row per update in a block that belongs to a day.

with

final as (
    select
        date,
        block_height,
        block_index,
        slot_time,
        contents,
        effective_time,
        update_payload as payload,
    from raw.transactions
    where date between from_date() and to_date()
        and contents in ('micro_ccd_per_euro_update', 'euro_per_energy_update')
)

select * from final

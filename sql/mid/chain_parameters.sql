-- materialize: table
-- grain: day
-- requires: raw.blocks_per_day the day's end in blocks_per_day
-- check: unique date
-- column: source node: what it said of the day's last block; updates: the chain's own updates up to there
--
-- Prices in force at the last block of a day, as exact ratios, one row per day of which they are known. A day that the
-- node was not asked about has them from the chain's own updates once all transactions of the day are loaded, if there
-- has been an update of both. An update takes effect at its block, or later where it says so; also one of a block that
-- belongs to no day. Where what is in force cannot be read, the day waits.

with

updates as (
    select
        block_height,
        block_index,
        slot_time,
        contents,
        effective_time,
        payload,
    from mid.price_updates
    union all
    select
        block_height,
        block_index,
        slot_time,
        contents,
        effective_time,
        update_payload as payload,
    from raw.transactions
    where date is null
        and contents in ('micro_ccd_per_euro_update', 'euro_per_energy_update')
),

ratios as (
    select
        contents,
        greatest(epoch_ms(slot_time), effective_time::hugeint * 1000) as effective_at_ms,
        block_height,
        block_index,
        chain_number(payload -> contents ->> 'numerator') as numerator,
        chain_number(payload -> contents ->> 'denominator') as denominator,
    from updates
    where (payload -> contents) is not null
),

-- Of several that take effect at once the last on the chain.
in_force as (
    select
        contents,
        effective_at_ms,
        arg_max_null(numerator, (block_height, block_index)) as numerator,
        arg_max_null(denominator, (block_height, block_index)) as denominator,
    from ratios
    group by all
),

ends as (
    select
        days.date,
        epoch_ms(days.slot_time_for_last_block)::hugeint as end_ms,
    from raw.blocks_per_day as days
    inner join stg.transaction_days as loaded on loaded.date = days.date
),

from_updates as (
    select
        ends.date,
        euros.numerator as micro_ccd_per_euro_numerator,
        euros.denominator as micro_ccd_per_euro_denominator,
        energies.numerator as euro_per_energy_numerator,
        energies.denominator as euro_per_energy_denominator,
    from ends
    asof inner join (from in_force where contents = 'micro_ccd_per_euro_update') as euros on euros.effective_at_ms <= ends.end_ms
    asof inner join (from in_force where contents = 'euro_per_energy_update') as energies on energies.effective_at_ms <= ends.end_ms
),

final as (
    select
        date,
        'node' as source,
        micro_ccd_per_euro_numerator::hugeint as micro_ccd_per_euro_numerator,
        micro_ccd_per_euro_denominator::hugeint as micro_ccd_per_euro_denominator,
        euro_per_energy_numerator::hugeint as euro_per_energy_numerator,
        euro_per_energy_denominator::hugeint as euro_per_energy_denominator,
    from raw.chain_parameters
    union all
    select
        date,
        'updates' as source,
        micro_ccd_per_euro_numerator as micro_ccd_per_euro_numerator,
        micro_ccd_per_euro_denominator as micro_ccd_per_euro_denominator,
        euro_per_energy_numerator as euro_per_energy_numerator,
        euro_per_energy_denominator as euro_per_energy_denominator,
    from from_updates
    where date not in (select date from raw.chain_parameters)
        and micro_ccd_per_euro_numerator is not null
        and micro_ccd_per_euro_denominator is not null
        and euro_per_energy_numerator is not null
        and euro_per_energy_denominator is not null
)

select * from final

-- materialize: incremental
-- grain: day
-- requires: mid.chain_parameters the chain's parameters, from the node or from updates
-- export: statistics_microccd
-- check: unique date
-- check: not_null _id, date, GTU_denominator, GTU_numerator, NRG_denominator, NRG_numerator
-- column: GTU_denominator of microCCD per euro, as text
-- column: GTU_numerator of microCCD per euro, as text
-- column: NRG_denominator of euro per energy (NRG), as text
-- column: NRG_numerator of euro per energy (NRG), as text
--
-- What a euro and what energy cost at the end of a day, one row per day. Where they come from, mid.chain_parameters tells.

with

final as (
    select
        concat(date, '-statistics_microccd') as _id,
        'statistics_microccd' as type,
        date,
        micro_ccd_per_euro_denominator::varchar as "GTU_denominator",
        micro_ccd_per_euro_numerator::varchar as "GTU_numerator",
        euro_per_energy_denominator::varchar as "NRG_denominator",
        euro_per_energy_numerator::varchar as "NRG_numerator",
    from mid.chain_parameters
    where date between from_date() and to_date()
)

select * from final

-- materialize: table
-- grain: week
-- export: statistics_unique_addresses_v2_weekly
-- check: unique date
-- check: not_null _id, date, unique_impacted_address_count, complete
-- column: date first day of the week
-- column: unique_impacted_address_count distinct canonical addresses per kind: contract, address, public_key, other
-- column: complete whether blocks_per_day has the week's last day
--
-- How many addresses the blocks of each week impacted other than by a reward, one row per week with a day in
-- blocks_per_day: from the first to the last such day of the week, gaps between them included. Fields as in
-- statistics_unique_addresses_v2_daily.

with

final as (
    select
        concat(first_day, '-statistics_unique_addresses_v2_weekly') as _id,
        first_day as date,
        'statistics_unique_addresses_v2_weekly' as type,
        address_counts(contract_count, address_count, public_key_count, other_count) as unique_impacted_address_count,
        is_complete as complete,
    from mid.unique_address_periods
    where period = 'week'
)

select * from final

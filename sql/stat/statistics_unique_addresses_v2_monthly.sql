-- materialize: table
-- grain: month
-- export: statistics_unique_addresses_v2_monthly
-- check: unique date
-- check: not_null _id, date, unique_impacted_address_count, complete
-- column: date first day of the month
-- column: unique_impacted_address_count distinct canonical addresses per kind: contract, address, public_key, other
-- column: complete whether blocks_per_day has the month's last day
--
-- How many addresses the blocks of each month impacted other than by a reward, one row per month with a day in
-- blocks_per_day: from the first to the last such day of the month, gaps between them included. Fields as in
-- statistics_unique_addresses_v2_daily.

with

final as (
    select
        concat(first_day, '-statistics_unique_addresses_v2_monthly') as _id,
        first_day as date,
        'statistics_unique_addresses_v2_monthly' as type,
        address_counts(contract_count, address_count, public_key_count, other_count) as unique_impacted_address_count,
        is_complete as complete,
    from mid.unique_address_periods
    where period = 'month'
)

select * from final

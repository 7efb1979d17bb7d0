-- materialize: incremental
-- grain: day
-- export: statistics_unique_addresses_v2_daily
-- check: unique date
-- check: not_null _id, date, unique_impacted_address_count
-- column: unique_impacted_address_count distinct canonical addresses per kind: contract, address, public_key, other
-- column: complete true: the day is in blocks_per_day
--
-- How many addresses each day's blocks impacted other than by a reward, one row per day. A kind that does not occur has no
-- field; where none occurs, contract, address and public_key are 0.

with

final as (
    select
        concat(date, '-statistics_unique_addresses_v2_daily') as _id,
        date,
        'statistics_unique_addresses_v2_daily' as type,
        address_counts(contract_count, address_count, public_key_count, other_count) as unique_impacted_address_count,
        true as complete,
    from mid.unique_address_counts
    where period = 'day'
        and date between from_date() and to_date()
)

select * from final

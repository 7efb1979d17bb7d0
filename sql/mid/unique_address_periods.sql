-- check: unique period, first_day
-- column: date the period's last day that is in blocks_per_day
-- column: contract_count distinct contracts of the period, and so on for the other kinds
-- column: is_complete whether that is the last day that the period has
--
-- How many distinct addresses each day, week and month impacted, one row per period: the last of mid.unique_address_counts.

with

final as (
    select
        date,
        period,
        first_day,
        contract_count,
        address_count,
        public_key_count,
        other_count,
        date = case period
            when 'day' then first_day
            when 'week' then first_day + 6
            when 'month' then last_day(first_day)
        end as is_complete,
    from mid.unique_address_counts
    qualify row_number() over (partition by period, first_day order by date desc) = 1
)

select * from final

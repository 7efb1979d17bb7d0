-- materialize: incremental
-- grain: day
-- depends: stat.statistics_transaction_types_by_project
-- export: statistics_transaction_types_by_project_dates
-- check: unique date
-- column: complete true: the day's documents are all there
--
-- One row per day of statistics_transaction_types_by_project, also of days without any row. It is exported after those.

with

final as (
    select
        concat('statistics_transaction_types_by_project_dates-', date) as _id,
        date,
        'statistics_transaction_types_by_project_dates' as type,
        true as complete,
    from raw.blocks_per_day
)

select * from final

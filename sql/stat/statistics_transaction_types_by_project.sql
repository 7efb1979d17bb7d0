-- materialize: incremental
-- grain: day, project
-- export: statistics_transaction_types_by_project
-- check: unique date, project
-- check: not_null _id, date, project, tx_type_counts
-- column: project the sender's: as the document says, else of the account that sent it
-- column: tx_type_counts transactions of the project per contents
--
-- Transactions of each kind that projects sent, one row per day and project with any.

with

counts as (
    select
        date,
        project_id as project,
        contents,
        sum(transaction_count)::bigint as transaction_count,
    from mid.transaction_counts
    where date between from_date() and to_date()
        and project_id is not null
    group by all
),

final as (
    select
        concat(date, '-statistics_transaction_types_by_project-', project) as _id,
        date,
        'statistics_transaction_types_by_project' as type,
        project,
        map(
            list(contents order by transaction_count desc, contents),
            list(transaction_count order by transaction_count desc, contents)
        ) as tx_type_counts,
    from counts
    group by date, project
)

select * from final

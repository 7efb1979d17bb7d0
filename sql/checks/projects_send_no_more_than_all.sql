-- severity: error
--
-- Projects together sent no more transactions of a kind than all senders.

with

project_counts as (
    select
        date,
        unnest(map_entries(tx_type_counts), recursive := true),
    from stat.statistics_transaction_types_by_project
),

projects as (
    select
        date,
        key as contents,
        sum(value) as project_count,
    from project_counts
    group by all
),

all_counts as (
    select
        date,
        unnest(map_entries(tx_type_counts), recursive := true),
    from stat.statistics_transaction_types
)

select
    projects.date,
    projects.contents,
    projects.project_count,
    coalesce(all_counts.value, 0) as transaction_count,
from projects
left join all_counts on all_counts.date = projects.date and all_counts.key = projects.contents
where projects.project_count > coalesce(all_counts.value, 0)

-- materialize: incremental
-- grain: day
-- depends: stat.account_graph
-- export: account_graph_dates
-- check: unique date
-- column: complete true: the day's account_graph documents are all there
--
-- One row per day of account_graph, also of days without any row. It is exported after account_graph.

with

final as (
    select
        concat('account_graph_dates-', date) as _id,
        date,
        'account_graph_dates' as type,
        true as complete,
    from raw.snapshots
)

select * from final

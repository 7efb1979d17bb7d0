-- materialize: incremental
-- grain: day
-- export: statistics_transaction_types
-- check: unique date
-- check: not_null _id, date, project, tx_type_counts
-- column: project all: of all senders
-- column: tx_type_counts transactions per contents
--
-- Transactions of each kind, one row per day.

with

counts as (
    select
        date,
        contents,
        sum(transaction_count)::bigint as transaction_count,
    from mid.transaction_counts
    where date between from_date() and to_date()
    group by all
),

days as (
    select
        date,
        map(
            list(contents order by transaction_count desc, contents),
            list(transaction_count order by transaction_count desc, contents)
        ) as tx_type_counts,
    from counts
    group by all
),

final as (
    select
        concat(blocks.date, '-statistics_transaction_types-all') as _id,
        blocks.date,
        'statistics_transaction_types' as type,
        'all' as project,
        coalesce(days.tx_type_counts, map([], [])) as tx_type_counts,
    from raw.blocks_per_day as blocks
    left join days on days.date = blocks.date
    where blocks.date between from_date() and to_date()
)

select * from final

-- materialize: incremental
-- grain: day
-- export: statistics_mongo_transactions
-- spread: counts
-- check: unique date
-- check: not_null _id, date, counts
-- column: counts transactions per contents and per type; a name that is both counts as a type
--
-- Transactions of each kind and of each type, one row per day. A kind that is called _id, date or type has no field here:
-- checks.names_are_free tells.

with

names as (
    select
        date,
        contents as name,
        sum(transaction_count)::bigint as contents_count,
        null as type_count,
    from mid.transaction_counts
    where date between from_date() and to_date()
    group by all
    union all
    select
        date,
        type as name,
        null as contents_count,
        sum(transaction_count)::bigint as type_count,
    from mid.transaction_counts
    where date between from_date() and to_date()
    group by all
),

counts as (
    select
        date,
        name,
        max(type_count) is not null as is_type,
        coalesce(max(type_count), max(contents_count)) as transaction_count,
    from names
    group by all
),

days as (
    select
        date,
        map(
            list(name order by is_type, transaction_count desc, name),
            list(transaction_count order by is_type, transaction_count desc, name)
        ) as counts,
    from counts
    where is_free_name(name, [])
    group by all
),

final as (
    select
        concat(blocks.date, '-statistics_mongo_transactions') as _id,
        blocks.date,
        'statistics_mongo_transactions' as type,
        coalesce(days.counts, map([], [])) as counts,
    from raw.blocks_per_day as blocks
    left join days on days.date = blocks.date
    where blocks.date between from_date() and to_date()
)

select * from final

-- severity: error
--
-- The counts of statistics_transaction_types are all transactions of the day.

with

counts as (
    select
        date,
        list_sum(map_values(tx_type_counts)) as counted,
    from stat.statistics_transaction_types
),

transactions as (
    select
        date,
        count(*) as transaction_count,
    from raw.transactions
    where date is not null
    group by all
)

select
    counts.date,
    coalesce(counts.counted, 0) as counted,
    coalesce(transactions.transaction_count, 0) as transaction_count,
from counts
left join transactions on transactions.date = counts.date
where coalesce(counts.counted, 0) <> coalesce(transactions.transaction_count, 0)

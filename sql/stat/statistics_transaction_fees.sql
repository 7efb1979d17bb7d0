-- materialize: incremental
-- grain: day
-- requires: stg.transaction_days the day's transactions
-- export: statistics_transaction_fees
-- check: unique date
-- check: not_null _id, date, fee_for_day
-- check: expect fee_for_day >= 0
-- column: fee_for_day what senders paid, microCCD; what sponsors paid is not in it
--
-- Fees of account transactions, one row per day.

with

fees as (
    select
        date,
        sum(cost_microccd)::bigint as fee_microccd,
    from raw.transactions
    where date between from_date() and to_date()
    group by all
),

final as (
    select
        concat(blocks.date, '-statistics_transaction_fees') as _id,
        blocks.date,
        'statistics_transaction_fees' as type,
        coalesce(fees.fee_microccd, 0) as fee_for_day,
    from raw.blocks_per_day as blocks
    left join fees on fees.date = blocks.date
    where blocks.date between from_date() and to_date()
)

select * from final

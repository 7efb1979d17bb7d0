-- column: inflation_ccd whole CCD that the chain's total grew by since the day before
--
-- One row per day that has a snapshot and the node's totals, as has the calendar day before.

with

final as (
    select
        today.date,
        (today.total_amount_microccd // 1000000 - yesterday.total_amount_microccd // 1000000)::bigint as inflation_ccd,
    from raw.tokenomics as today
    inner join raw.tokenomics as yesterday on yesterday.date = today.date - 1
    inner join raw.snapshots as snapshot_today on snapshot_today.date = today.date
    inner join raw.snapshots as snapshot_yesterday on snapshot_yesterday.date = today.date - 1
)

select * from final

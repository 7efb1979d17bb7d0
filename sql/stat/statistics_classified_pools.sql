-- materialize: incremental
-- grain: day
-- export: statistics_classified_pools
-- check: unique date
-- check: not_null _id, date, open_pool_count, delegator_count
-- column: open_pool_count validators that take new delegators
-- column: closed_pool_count validators closed for all
-- column: closed_new_pool_count validators closed for new delegators
-- column: delegator_count accounts with a delegation target
-- column: delegator_avg_stake CCD, NaN without delegators
-- column: delegator_avg_count_per_pool delegators per open pool, 0 without open pools
-- column: pool_total_delegated CCD
--
-- Pools and their delegators, one row per day whose snapshot has the column pool_status. The status has two spellings; a
-- day on which one pool is openForAll counts that spelling only, any other day the other one only.

with

days as (
    select
        totals.*,
        totals.openforall > 0 as is_first_spelling,
    from mid.snapshot_totals as totals
    inner join raw.snapshots as snapshots on snapshots.date = totals.date
    where totals.date between from_date() and to_date()
        and list_contains(snapshots.column_names, 'pool_status')
),

pools as (
    select
        date,
        delegator_count,
        delegated_microccd,
        case when is_first_spelling then openforall else open_for_all end as open_pool_count,
        case when is_first_spelling then closedforall else closed_for_all end as closed_pool_count,
        case when is_first_spelling then closedfornew else closed_for_new end as closed_new_pool_count,
    from days
),

final as (
    select
        concat(date, '-statistics_classified_pools') as _id,
        'statistics_classified_pools' as type,
        date,
        open_pool_count,
        closed_pool_count,
        closed_new_pool_count,
        delegator_count,
        case when delegator_count = 0 then 'nan'::double else ccd(delegated_microccd) / delegator_count end as delegator_avg_stake,
        case when open_pool_count = 0 then 0::double else delegator_count / open_pool_count end as delegator_avg_count_per_pool,
        ccd(delegated_microccd) as pool_total_delegated,
    from pools
)

select * from final

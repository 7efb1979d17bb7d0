-- materialize: incremental
-- grain: day
-- export: statistics_ccd_classified
-- spread: exchanges
-- check: unique date
-- check: not_null _id, date, total_supply, staked, unstaked, delegated
-- check: expect total_supply >= 0 and staked >= 0 and delegated >= 0
-- column: total_supply all balances, CCD
-- column: staked stake of validators, CCD
-- column: unstaked supply that is neither staked, delegated nor on exchanges, CCD
-- column: delegated stake of accounts with a delegation target, CCD
-- column: exchanges what each exchange's labelled accounts hold, CCD
--
-- Where the supply is, one row per day.

with

exchanges as (
    select
        date,
        sum(total_microccd) as total_microccd,
        map(
            list(exchange order by position) filter (is_free_name(exchange, supply_fields())),
            list(ccd(total_microccd) order by position) filter (is_free_name(exchange, supply_fields()))
        ) as fields,
    from mid.exchange_totals
    group by date
),

final as (
    select
        concat(totals.date, '-statistics_ccd_classified') as _id,
        'statistics_ccd_classified' as type,
        totals.date,
        ccd(totals.total_microccd) as total_supply,
        ccd(totals.staked_microccd - totals.delegated_microccd) as staked,
        ccd(totals.total_microccd - totals.staked_microccd - coalesce(exchanges.total_microccd, 0)) as unstaked,
        ccd(totals.delegated_microccd) as delegated,
        exchanges.fields as exchanges,
    from mid.snapshot_totals as totals
    left join exchanges on exchanges.date = totals.date
    where totals.date between from_date() and to_date()
)

select * from final

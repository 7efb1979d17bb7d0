-- materialize: incremental
-- grain: day
-- requires: raw.tokenomics the node's totals
-- export: statistics_ccd_supply
-- check: unique date
-- check: not_null _id, date, total, encrypted, locked, unlocked, staked, delegated, exchanges
-- check: warn expect unlocked_share + locked_share + encrypted_share <= 1.000000001
-- column: total CCD that exist as the node says: balances, encrypted balances and reward accounts; microCCD
-- column: encrypted in encrypted balances, microCCD
-- column: locked balances in release schedules, microCCD
-- column: unlocked balances that are not, microCCD
-- column: staked stake of validators, microCCD
-- column: delegated stake of accounts with a delegation target, microCCD
-- column: exchanges on labelled accounts of exchanges, microCCD
-- column: locked_share locked per total, and so on
--
-- The supply and its parts, exact, as texts, and as shares of the total, one row per day. locked and unlocked are all
-- balances of the snapshot; staked, delegated and exchanges are parts of them and may overlap.

with

on_exchanges as (
    select
        date,
        sum(total_microccd) as total_microccd,
    from mid.exchange_totals
    group by all
),

parts as (
    select
        totals.date,
        tokenomics.total_amount_microccd as total,
        tokenomics.total_encrypted_amount_microccd as encrypted,
        totals.locked_microccd as locked,
        totals.total_microccd - totals.locked_microccd as unlocked,
        totals.staked_microccd - totals.delegated_microccd as staked,
        totals.delegated_microccd as delegated,
        coalesce(on_exchanges.total_microccd, 0) as exchanges,
    from mid.snapshot_totals as totals
    inner join raw.tokenomics as tokenomics on tokenomics.date = totals.date
    left join on_exchanges on on_exchanges.date = totals.date
    where totals.date between from_date() and to_date()
),

final as (
    select
        concat(date, '-statistics_ccd_supply') as _id,
        date,
        'statistics_ccd_supply' as type,
        total::varchar as total,
        encrypted::varchar as encrypted,
        locked::varchar as locked,
        unlocked::varchar as unlocked,
        staked::varchar as staked,
        delegated::varchar as delegated,
        exchanges::varchar as exchanges,
        ccd(encrypted) / nullif(ccd(total), 0) as encrypted_share,
        ccd(locked) / nullif(ccd(total), 0) as locked_share,
        ccd(unlocked) / nullif(ccd(total), 0) as unlocked_share,
        ccd(staked) / nullif(ccd(total), 0) as staked_share,
        ccd(delegated) / nullif(ccd(total), 0) as delegated_share,
        ccd(exchanges) / nullif(ccd(total), 0) as exchanges_share,
    from parts
)

select * from final

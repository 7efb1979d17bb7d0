-- materialize: incremental
-- grain: day
-- requires: raw.tokenomics the node's totals
-- optional: mid.release_schedules
-- export: statistics_ccd_supply
-- check: unique date
-- check: not_null _id, date, total, encrypted, locked, unlocked, staked, delegated, exchanges
-- check: warn expect scheduled::hugeint <= locked::hugeint
-- check: warn expect unlocked_share + locked_share + encrypted_share <= 1.000000001
-- column: total CCD that exist as the node says: balances, encrypted balances and reward accounts; microCCD
-- column: encrypted in encrypted balances, microCCD
-- column: locked balances in release schedules, microCCD
-- column: unlocked balances that are not, microCCD
-- column: staked stake of validators, microCCD
-- column: delegated stake of accounts with a delegation target, microCCD
-- column: exchanges on labelled accounts of exchanges, microCCD
-- column: encrypted_share encrypted per total
-- column: locked_share locked per total
-- column: unlocked_share unlocked per total
-- column: staked_share staked per total
-- column: delegated_share delegated per total
-- column: exchanges_share exchanges per total
-- column: released total that is not locked, microCCD
-- column: scheduled locked by the scheduled transfers that are loaded and not due at the slot time of the day's last block, microCCD; null without the day's transactions
-- column: unlocks_30_days of scheduled, what is due by the end of the thirtieth day after, UTC, microCCD
-- column: unlocks_90_days the same by the end of the ninetieth day after, microCCD
-- column: unlocks_365_days the same by the end of the 365th day after, microCCD
-- column: released_ccd released, CCD
-- column: unlocks_30_days_ccd unlocks_30_days, CCD
-- column: unlocks_90_days_ccd unlocks_90_days, CCD
-- column: unlocks_365_days_ccd unlocks_365_days, CCD
-- column: released_usd released at the day's rate, USD
-- column: unlocks_30_days_usd unlocks_30_days at the day's rate, USD
-- column: unlocks_90_days_usd unlocks_90_days at the day's rate, USD
-- column: unlocks_365_days_usd unlocks_365_days at the day's rate, USD
-- column: ccd_rate_usd USD per CCD; null, and the values in USD with it, while no rate is known
-- column: complete whether the day has its transactions and a rate
--
-- The supply and its parts, exact, as texts, and as shares of the total, one row per day. locked and unlocked are all
-- balances of the snapshot; staked, delegated and exchanges are parts of them and may overlap. What unlocks follows from
-- scheduled transfers. Of locked beyond scheduled no transaction tells when it unlocks.
--
-- A day waits for its snapshot and the node's totals. Its transactions and its rate complete the document later.

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
        tokenomics.total_amount_microccd - totals.locked_microccd as released,
        schedules.scheduled_microccd - schedules.released_microccd as scheduled,
        schedules.unlocks_30_days_microccd as unlocks_30_days,
        schedules.unlocks_90_days_microccd as unlocks_90_days,
        schedules.unlocks_365_days_microccd as unlocks_365_days,
        rates.rate_usd,
    from mid.snapshot_totals as totals
    inner join raw.tokenomics as tokenomics on tokenomics.date = totals.date
    left join on_exchanges on on_exchanges.date = totals.date
    left join mid.release_schedules as schedules on schedules.date = totals.date
    left join stg.ccd_rates as rates on rates.date = totals.date
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
        released::varchar as released,
        scheduled::varchar as scheduled,
        unlocks_30_days::varchar as unlocks_30_days,
        unlocks_90_days::varchar as unlocks_90_days,
        unlocks_365_days::varchar as unlocks_365_days,
        ccd(released) as released_ccd,
        ccd(unlocks_30_days) as unlocks_30_days_ccd,
        ccd(unlocks_90_days) as unlocks_90_days_ccd,
        ccd(unlocks_365_days) as unlocks_365_days_ccd,
        ccd(released) * rate_usd as released_usd,
        ccd(unlocks_30_days) * rate_usd as unlocks_30_days_usd,
        ccd(unlocks_90_days) * rate_usd as unlocks_90_days_usd,
        ccd(unlocks_365_days) * rate_usd as unlocks_365_days_usd,
        rate_usd as ccd_rate_usd,
        scheduled is not null and rate_usd is not null as complete,
    from parts
)

select * from final

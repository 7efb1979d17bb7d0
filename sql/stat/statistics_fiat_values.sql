-- materialize: incremental
-- grain: day
-- optional: stat.statistics_network_activity
-- optional: stat.statistics_transaction_fees
-- export: statistics_fiat_values
-- check: unique date
-- check: not_null _id, date, complete
-- check: expect not complete or market_cap_usd is not null and market_cap_eur is not null
-- column: market_cap_usd all balances at the day's rate, USD
-- column: realized_cap_usd all balances at what their holders paid for them, USD: realised_cap of statistics_realized_prices
-- column: mvrv market cap per realized cap, the same in every currency; null where realized cap is 0
-- column: staked_usd stake of validators, as staked in statistics_ccd_classified, USD
-- column: delegated_usd stake of accounts with a delegation target, USD
-- column: on_exchanges_usd what labelled accounts of exchanges hold, USD
-- column: transferred_usd CCD that changed hands, as in statistics_network_activity, USD
-- column: fees_usd what senders of transactions paid, as in statistics_transaction_fees, USD
-- column: market_cap_eur market_cap_usd in EUR
-- column: realized_cap_eur realized_cap_usd in EUR
-- column: staked_eur staked_usd in EUR
-- column: delegated_eur delegated_usd in EUR
-- column: on_exchanges_eur on_exchanges_usd in EUR
-- column: transferred_eur transferred_usd in EUR
-- column: fees_eur fees_usd in EUR
-- column: ccd_rate_usd USD per CCD; null: no rate is known, and no value but realized_cap_usd
-- column: ccd_rate_source where it comes from
-- column: eur_rate_usd USD per EUR; no value in EUR where it is null (no rate is known) or 0
-- column: eur_rate_source where it comes from
-- column: complete whether every value is there, mvrv aside
--
-- What the chain's CCD are worth, one row per balance snapshot. EUR are USD at the day's rate of the euro.
--
-- A day waits for its snapshot and for nothing else. What is not known yet is null and the day is not complete: a rate, the
-- network activity (which needs the node's totals and the day before) or the transactions. No stand-in takes its place.
-- When it comes, the document is completed.

with

on_exchanges as (
    select
        date,
        sum(total_microccd)::bigint as total_microccd,
    from mid.exchange_totals
    where date between from_date() and to_date()
    group by all
),

amounts as (
    select
        totals.date,
        ccd(totals.total_microccd) as market_cap_ccd,
        prices.realised_cap as realized_cap_usd,
        ccd(totals.staked_microccd - totals.delegated_microccd) as staked_ccd,
        ccd(totals.delegated_microccd) as delegated_ccd,
        ccd(coalesce(on_exchanges.total_microccd, 0)) as on_exchanges_ccd,
        activities.network_activity as transferred_ccd,
        ccd(fees.fee_for_day) as fees_ccd,
        ccd_rates.rate_usd as ccd_rate_usd,
        ccd_rates.source as ccd_rate_source,
        eur_rates.rate_usd as eur_rate_usd,
        eur_rates.source as eur_rate_source,
    from mid.snapshot_totals as totals
    inner join stat.statistics_realized_prices as prices on prices.date = totals.date
    left join on_exchanges on on_exchanges.date = totals.date
    left join stat.statistics_network_activity as activities on activities.date = totals.date
    left join stat.statistics_transaction_fees as fees on fees.date = totals.date
    left join stg.exchange_rates as ccd_rates on ccd_rates.date = totals.date and ccd_rates.token = 'CCD'
    left join stg.exchange_rates as eur_rates on eur_rates.date = totals.date and eur_rates.token = 'EUR'
    where totals.date between from_date() and to_date()
),

dollars as (
    select
        *,
        market_cap_ccd * ccd_rate_usd as market_cap_usd,
        staked_ccd * ccd_rate_usd as staked_usd,
        delegated_ccd * ccd_rate_usd as delegated_usd,
        on_exchanges_ccd * ccd_rate_usd as on_exchanges_usd,
        transferred_ccd * ccd_rate_usd as transferred_usd,
        fees_ccd * ccd_rate_usd as fees_usd,
        1 / nullif(eur_rate_usd, 0) as eur_per_usd,
    from amounts
),

final as (
    select
        concat(date, '-statistics_fiat_values') as _id,
        date,
        'statistics_fiat_values' as type,
        market_cap_usd,
        realized_cap_usd,
        market_cap_usd / nullif(realized_cap_usd, 0) as mvrv,
        staked_usd,
        delegated_usd,
        on_exchanges_usd,
        transferred_usd,
        fees_usd,
        market_cap_usd * eur_per_usd as market_cap_eur,
        realized_cap_usd * eur_per_usd as realized_cap_eur,
        staked_usd * eur_per_usd as staked_eur,
        delegated_usd * eur_per_usd as delegated_eur,
        on_exchanges_usd * eur_per_usd as on_exchanges_eur,
        transferred_usd * eur_per_usd as transferred_eur,
        fees_usd * eur_per_usd as fees_eur,
        ccd_rate_usd,
        ccd_rate_source,
        eur_rate_usd,
        eur_rate_source,
        market_cap_usd is not null and transferred_usd is not null and fees_usd is not null and eur_per_usd is not null as complete,
    from dollars
)

select * from final

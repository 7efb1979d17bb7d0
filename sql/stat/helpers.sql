-- grain: document
-- export: helpers
-- layout: single
-- collection: helpers
-- spread: fields
-- check: unique _id
-- check: not_null _id, fields
-- column: fields all fields of the document but its key
--
-- Notes for the services that read layout single, one row per note. statistics_rerun: no statistic is to be made again by
-- them. heartbeat_last_timestamp_…: the newest day that has a rate of exchange-api (forex) and of CoinGecko
-- (exchange_rates_historical), unless the note says a later time already.
-- projects_try_to_find_recognized_sender_ids: senders are recognized here. latest_projects_json_commit: the newest commit of
-- the repository of projects.json, once --projects-list-commits told one.

with

statistics as (
    select unnest([
        'statistics_account_topology', 'statistics_agent_registry', 'statistics_ccd_classified', 'statistics_ccd_supply', 'statistics_ccd_volume',
        'statistics_classified_pools', 'statistics_daily_holders', 'statistics_daily_limits', 'statistics_exchange_wallets',
        'statistics_fiat_values', 'statistics_microccd', 'statistics_mongo_transactions', 'statistics_network_activity',
        'statistics_network_summary', 'statistics_plt', 'statistics_realized_prices', 'statistics_release_amounts',
        'statistics_transaction_fee_buckets', 'statistics_transaction_fees', 'statistics_transaction_types',
        'statistics_transaction_types_by_project', 'statistics_unique_addresses_v2_daily',
        'statistics_unique_addresses_v2_monthly', 'statistics_unique_addresses_v2_weekly', 'account_graph'
    ]) as statistic
),

-- The statistics of the note as it is, in its order, then ours.
noted as (
    select
        unnest(json_keys(document)) as statistic,
        generate_subscripts(json_keys(document), 1) as position,
    from raw.helpers
    where id = 'statistics_rerun'
),

all_statistics as (
    select
        statistic,
        min(position) as position,
    from (
        select
            statistic,
            position,
        from noted
        where statistic <> '_id'
        union all
        select
            statistic,
            null as position,
        from statistics
    )
    group by statistic
),

rates as (
    select
        case when source = 'CoinGecko' then 'exchange_rates_historical' else 'forex' end as kind,
        max(date)::timestamp as newest_at,
    from stg.exchange_rates
    where source is not null
    group by all
),

heartbeats as (
    select
        concat('heartbeat_last_timestamp_', rates.kind) as id,
        greatest(rates.newest_at, try_cast(replace(json_extract_string(helpers.document, '$.timestamp."$date"'), 'Z', '') as timestamp)) as newest_at,
    from rates
    left join raw.helpers as helpers on helpers.id = concat('heartbeat_last_timestamp_', rates.kind)
),

final as (
    select
        'statistics_rerun' as _id,
        to_json(map(
            list(statistic order by position nulls last, statistic),
            list(false order by position nulls last, statistic)
        ))::varchar as fields,
    from all_statistics
    union all
    select
        id as _id,
        json_object('timestamp', json_object('$date', strftime(newest_at, '%Y-%m-%dT%H:%M:%S.%gZ')))::varchar as fields,
    from heartbeats
    union all
    select
        'projects_try_to_find_recognized_sender_ids' as _id,
        '{"value":false}' as fields
    union all
    select
        'latest_projects_json_commit' as _id,
        json_object('value', commit_id)::varchar as fields,
    from raw.project_lists
    where commit_id is not null
)

select * from final

-- severity: warn
-- depends: stat.statistics_mongo_transactions
-- depends: stat.statistics_exchange_wallets
--
-- Kinds, types and exchanges that are called as documents call fields of their own: the field stands, their number is missing.

with

kinds as (
    select
        date,
        unnest([type, contents]) as name,
    from mid.transaction_counts
)

select
    'statistics_mongo_transactions' as statistic,
    name,
    min(date) as first_date,
from kinds
where not is_free_name(name, [])
group by name
union all
select distinct
    'statistics_exchange_wallets' as statistic,
    exchange as name,
    null as first_date,
from stg.exchange_accounts
where not is_free_name(exchange, [])
union all
select distinct
    'statistics_ccd_classified' as statistic,
    exchange as name,
    null as first_date,
from stg.exchange_accounts
where not is_free_name(exchange, supply_fields())

-- severity: error
--
-- The addresses of an exchange that have been seen only become more.

with

wallets as (
    select
        date,
        unnest(map_entries(exchanges), recursive := true),
    from stat.statistics_exchange_wallets
),

steps as (
    select
        date,
        key as exchange,
        value as address_count,
        lag(value) over (partition by key order by date) as address_count_before,
    from wallets
)

select *
from steps
where address_count < address_count_before

-- materialize: incremental
-- grain: day, exchange
-- column: total_microccd change of what the exchange's accounts hold
--
-- How the balances of labelled exchange accounts changed, one row per exchange and snapshot with changes.

with

exchange_ids as (
    select
        exchange_accounts.exchange,
        accounts.account_id,
    from stg.exchange_accounts as exchange_accounts
    inner join stg.accounts as accounts on accounts.account_address_canonical = exchange_accounts.account_address_canonical
),

final as (
    select
        changes.date,
        exchange_ids.exchange,
        sum(coalesce(changes.total_microccd, 0) - coalesce(changes.previous_total_microccd, 0))::bigint as total_microccd,
    from stg.balance_changes as changes
    inner join exchange_ids on exchange_ids.account_id = changes.account_id
    where changes.date between from_date() and to_date()
    group by all
)

select * from final

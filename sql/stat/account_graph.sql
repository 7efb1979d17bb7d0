-- materialize: view
-- grain: day, account
-- lookback: 0
-- export: account_graph
-- check: unique date, account_address_canonical
-- check: not_null _id, date, account_address_canonical, ccd_balance, rate
-- check: expect ccd_balance >= 0
-- column: account_index index of the account on the chain, null where stable_address_info has none
-- column: ccd_balance balance at the end of the day, CCD
-- column: rate USD per CCD
-- column: ccd_balance_in_USD balance at the day's rate, USD
--
-- Balances of known accounts over time: one row per account and day on which its balance moved.

with

final as (
    select
        concat(graph.date, '-account_graph-', accounts.account_address_canonical) as _id,
        'account_graph' as type,
        accounts.account_address_canonical,
        graph.account_index,
        graph.date,
        ccd(graph.total_microccd) as ccd_balance,
        graph.rate_usd as rate,
        ccd(graph.total_microccd) * graph.rate_usd as "ccd_balance_in_USD",
    from mid.account_graph_rows as graph
    inner join stg.accounts as accounts on accounts.account_id = graph.account_id
)

select * from final

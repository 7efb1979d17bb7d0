-- materialize: incremental
-- grain: day
-- export: statistics_account_topology
-- check: unique date
-- check: not_null _id, date, transfer_count, active_account_count, edge_count, transfers, scheduled_transfers, token_transfers
-- check: expect new_account_count <= active_account_count and new_edge_count <= edge_count and edge_count <= transfer_count
-- check: expect largest_component_share between 0 and 1 and reciprocity between 0 and 1
-- column: transfer_count transfers of all kinds, those of an account to itself included
-- column: active_account_count accounts that transferred to another account or received from one
-- column: edge_count pairs of accounts of which the one transferred to the other, each direction for itself
-- column: new_account_count active accounts that were active on no day before
-- column: new_edge_count edges that were there on no day before
-- column: reciprocity share of the edges whose accounts also have the edge the other way; null without edges
-- column: degree_median with how many others an active account had to do, as sender or receiver: the median, by nearest rank; null without edges
-- column: degree_p90 the same, what 90 of 100 active accounts do not exceed
-- column: degree_p99 the same, what 99 of 100 active accounts do not exceed
-- column: degree_max the same, the most
-- column: largest_component_share share of the active accounts in the largest group that edges connect, whatever their direction; null without edges
-- column: hubs the ten accounts that had to do with the most others: account_address_canonical, and counterparty_count, how many; of equal ones the first addresses
-- column: transfers transfers of CCD: their transfer_count, active_account_count and edge_count
-- column: scheduled_transfers the same of transfers of CCD with a release schedule
-- column: token_transfers the same of transfers of protocol-level tokens
--
-- The graph of the day's transfers between accounts, one row per day; counts also for each kind of transfer. Rejected
-- transactions transfer nothing. Aliases are one account. A transfer of an account to itself is no edge. Transfers of tokens
-- are the transfer events of token updates and of meta updates, one each. One into or out of a lock is one between the
-- accounts that it names.

with

kinds as (
    select
        date,
        kind,
        sum(transfer_count)::bigint as transfer_count,
        count(*) filter (where sender <> receiver) as edge_count,
    from mid.transfers
    where date between from_date() and to_date()
    group by all
),

transfers as (
    select
        date,
        sum(transfer_count)::bigint as transfer_count,
        any_value(transfer_count) filter (where kind = 'transfer') as transfer_transfer_count,
        any_value(edge_count) filter (where kind = 'transfer') as transfer_edge_count,
        any_value(transfer_count) filter (where kind = 'scheduled') as scheduled_transfer_count,
        any_value(edge_count) filter (where kind = 'scheduled') as scheduled_edge_count,
        any_value(transfer_count) filter (where kind = 'token') as token_transfer_count,
        any_value(edge_count) filter (where kind = 'token') as token_edge_count,
    from kinds
    group by all
),

new_accounts as (
    select
        date,
        count(*) as account_count,
    from mid.transfer_accounts
    where date between from_date() and to_date()
    group by all
),

new_edges as (
    select
        date,
        count(*) as edge_count,
    from mid.new_transfer_edges
    where date between from_date() and to_date()
    group by all
),

final as (
    select
        concat(graphs.date, '-statistics_account_topology') as _id,
        graphs.date,
        'statistics_account_topology' as type,
        coalesce(transfers.transfer_count, 0) as transfer_count,
        graphs.account_count as active_account_count,
        graphs.edge_count,
        coalesce(new_accounts.account_count, 0) as new_account_count,
        coalesce(new_edges.edge_count, 0) as new_edge_count,
        graphs.mutual_edge_count / nullif(graphs.edge_count, 0) as reciprocity,
        graphs.degree_median,
        graphs.degree_p90,
        graphs.degree_p99,
        graphs.degree_max,
        graphs.largest_component_size / nullif(graphs.account_count, 0) as largest_component_share,
        graphs.hubs,
        {
            'transfer_count': coalesce(transfers.transfer_transfer_count, 0),
            'active_account_count': graphs.transfer_account_count,
            'edge_count': coalesce(transfers.transfer_edge_count, 0)
        } as transfers,
        {
            'transfer_count': coalesce(transfers.scheduled_transfer_count, 0),
            'active_account_count': graphs.scheduled_account_count,
            'edge_count': coalesce(transfers.scheduled_edge_count, 0)
        } as scheduled_transfers,
        {
            'transfer_count': coalesce(transfers.token_transfer_count, 0),
            'active_account_count': graphs.token_account_count,
            'edge_count': coalesce(transfers.token_edge_count, 0)
        } as token_transfers,
    from mid.transfer_graphs as graphs
    left join transfers on transfers.date = graphs.date
    left join new_accounts on new_accounts.date = graphs.date
    left join new_edges on new_edges.date = graphs.date
    where graphs.date between from_date() and to_date()
)

select * from final

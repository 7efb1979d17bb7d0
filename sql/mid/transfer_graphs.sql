-- materialize: incremental
-- grain: day
-- requires: stg.transaction_days the day's transactions
-- check: unique date
-- check: expect largest_component_size <= account_count and mutual_edge_count <= edge_count
-- column: account_count accounts with an edge
-- column: edge_count pairs of accounts of which the one transferred to the other, each direction for itself
-- column: mutual_edge_count edges whose accounts also have the edge the other way
-- column: transfer_account_count accounts with a transfer of CCD to or from another account
-- column: scheduled_account_count accounts with a scheduled transfer
-- column: token_account_count accounts with a transfer of tokens
-- column: degree_median of the accounts' degrees (how many others each transferred to or received from) the median, by nearest rank
-- column: degree_p90 the degree that 90 of 100 accounts do not exceed
-- column: degree_p99 the degree that 99 of 100 accounts do not exceed
-- column: degree_max the largest degree
-- column: hubs the ten accounts with the largest degrees, and the degrees; of equal ones the first addresses
-- column: largest_component_size accounts of the largest set of accounts that edges connect, whatever their direction
--
-- Measures of the graph of each day's transfers between accounts, one row per day.
--
-- Components are found by contraction: each account is merged into the one that comes first among itself and its
-- counterparties; then the same is done with what is left, in another random order each round. A round leaves at most
-- three quarters of the accounts on average, so there are few, also where accounts form long chains, and all days are done
-- at once (Bögeholz, Brand, Todor: In-database connected component analysis, 2020).

with recursive

days as (
    select date
    from raw.blocks_per_day
    where date between from_date() and to_date()
),

-- Accounts with an edge between them, whatever its direction.
pairs as materialized (
    select
        date,
        least(sender, receiver) as first_account,
        greatest(sender, receiver) as second_account,
        bool_or(sender < receiver)::int + bool_or(sender > receiver)::int as edge_count,
        bool_or(kind = 'transfer') as has_transfer,
        bool_or(kind = 'scheduled') as has_scheduled,
        bool_or(kind = 'token') as has_token,
    from mid.transfers
    where date between from_date() and to_date()
        and sender <> receiver
    group by all
),

links as (
    select
        date,
        first_account as account,
        second_account as other,
        has_transfer,
        has_scheduled,
        has_token,
    from pairs
    union all
    select
        date,
        second_account as account,
        first_account as other,
        has_transfer,
        has_scheduled,
        has_token,
    from pairs
),

-- Numbers of accounts are hashes: their order is a random one.
accounts as materialized (
    select
        date,
        account,
        count(*) as degree,
        least(account, min(other)) as parent,
        bool_or(has_transfer) as has_transfer,
        bool_or(has_scheduled) as has_scheduled,
        bool_or(has_token) as has_token,
    from links
    group by date, account
),

-- Both ends of a pair become their parents one after the other, because in one join of three the planner may compare all
-- accounts with all.
half_merged as materialized (
    select distinct
        pairs.date,
        accounts.parent as first_account,
        pairs.second_account,
    from pairs
    inner join accounts on accounts.date = pairs.date and accounts.account = pairs.first_account
),

-- Rows with two accounts are pairs that are left in a round; those with one are an account and how many it stands for.
rounds as (
    select distinct
        1 as round,
        half_merged.date,
        half_merged.first_account,
        accounts.parent as second_account,
        null::bigint as size,
    from half_merged
    inner join accounts on accounts.date = half_merged.date and accounts.account = half_merged.second_account
    where accounts.parent <> half_merged.first_account
    union all
    select
        1 as round,
        date,
        parent as first_account,
        null as second_account,
        count(*) as size,
    from accounts
    group by all
    union all
    (
        with

        left_links as materialized (
            select round, date, first_account as account, second_account as other from rounds where second_account is not null
            union
            select round, date, second_account as account, first_account as other from rounds where second_account is not null
        ),

        parents as materialized (
            select
                date,
                account,
                case
                    when hash(account, any_value(round)) < min(hash(other, round)) then account
                    else arg_min(other, hash(other, round))
                end as parent,
            from left_links
            group by date, account
        ),

        half_merged as materialized (
            select distinct
                left_links.round,
                left_links.date,
                parents.parent as first_account,
                left_links.other as second_account,
            from left_links
            inner join parents on parents.date = left_links.date and parents.account = left_links.account
        )

        select distinct
            half_merged.round + 1 as round,
            half_merged.date,
            half_merged.first_account,
            parents.parent as second_account,
            null::bigint as size,
        from half_merged
        inner join parents on parents.date = half_merged.date and parents.account = half_merged.second_account
        where parents.parent <> half_merged.first_account
        union all
        select
            rounds.round + 1 as round,
            rounds.date,
            parents.parent as first_account,
            null as second_account,
            sum(rounds.size)::bigint as size,
        from rounds
        inner join parents on parents.date = rounds.date and parents.account = rounds.first_account
        where rounds.second_account is null
        group by rounds.round, rounds.date, parents.parent
    )
),

components as (
    select
        date,
        max(size) as largest_component_size,
    from rounds
    group by all
),

edge_counts as (
    select
        date,
        sum(edge_count)::bigint as edge_count,
        coalesce(sum(edge_count) filter (where edge_count = 2), 0)::bigint as mutual_edge_count,
    from pairs
    group by all
),

account_counts as (
    select
        date,
        count(*) as account_count,
        count(*) filter (where has_transfer) as transfer_account_count,
        count(*) filter (where has_scheduled) as scheduled_account_count,
        count(*) filter (where has_token) as token_account_count,
        quantile_disc(degree, [0.5, 0.9, 0.99]) as quantiles,
        max(degree, 10) as largest_degrees,
    from accounts
    group by all
),

candidates as (
    select
        accounts.date,
        accounts.degree,
        names.account_address_canonical,
    from accounts
    inner join account_counts on account_counts.date = accounts.date and accounts.degree >= account_counts.largest_degrees[-1]
    inner join mid.transfer_accounts as names on names.account = accounts.account
),

hubs as (
    select
        date,
        list(
            {'account_address_canonical': account_address_canonical, 'counterparty_count': degree}
            order by degree desc, account_address_canonical
        )[:10] as hubs,
    from candidates
    group by all
),

final as (
    select
        days.date,
        coalesce(account_counts.account_count, 0) as account_count,
        coalesce(edge_counts.edge_count, 0) as edge_count,
        coalesce(edge_counts.mutual_edge_count, 0) as mutual_edge_count,
        coalesce(account_counts.transfer_account_count, 0) as transfer_account_count,
        coalesce(account_counts.scheduled_account_count, 0) as scheduled_account_count,
        coalesce(account_counts.token_account_count, 0) as token_account_count,
        account_counts.quantiles[1] as degree_median,
        account_counts.quantiles[2] as degree_p90,
        account_counts.quantiles[3] as degree_p99,
        account_counts.largest_degrees[1] as degree_max,
        coalesce(components.largest_component_size, 0) as largest_component_size,
        coalesce(hubs.hubs, []) as hubs,
    from days
    left join account_counts on account_counts.date = days.date
    left join edge_counts on edge_counts.date = days.date
    left join components on components.date = days.date
    left join hubs on hubs.date = days.date
)

select * from final

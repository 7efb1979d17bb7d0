-- materialize: incremental
-- grain: day, period
-- lookback: 30
-- check: unique date, period
-- column: period day, week (from Monday) or month
-- column: first_day first day of the period
-- column: contract_count distinct contracts from the period's first day to date, and so on for the other kinds
--
-- How many distinct addresses were impacted since the beginning of the day, of its week and of its month, one row per day
-- and period. The last row of a period counts all of it.

with

periods as (select unnest(['day', 'week', 'month']) as period),

days as (
    select
        date,
        period,
        date_trunc(period, date)::date as first_day,
        row_number() over (partition by period, date_trunc(period, date) order by date) = 1 as is_first,
    from raw.blocks_per_day
    cross join periods
    where date between least(date_trunc('week', from_date()), date_trunc('month', from_date())) and to_date()
),

-- The blocks of a gap count where the period has a day before it.
parts as (
    select
        days.date,
        days.period,
        impacted.address_chunk,
        impacted.addresses,
    from days
    inner join mid.impacted_address_sets as impacted on impacted.date = days.date
    union all
    select
        days.date,
        days.period,
        gaps.address_chunk,
        gaps.addresses,
    from days
    inner join mid.gap_address_sets as gaps on gaps.date = days.date
    where not days.is_first
),

sets as (
    select
        date,
        period,
        address_chunk,
        bit_or(addresses) as addresses,
    from parts
    group by all
),

chunks as (select distinct address_chunk from sets),

so_far as (
    select
        days.date,
        days.period,
        chunks.address_chunk,
        bit_or(sets.addresses) over (
            partition by days.period, days.first_day, chunks.address_chunk order by days.date
        ) as addresses,
    from days
    cross join chunks
    left join sets on sets.date = days.date and sets.period = days.period and sets.address_chunk = chunks.address_chunk
),

kinds as (
    select
        address_chunk(address_id) as address_chunk,
        address_kind(address) as kind,
        address_set(address_id) as addresses,
    from raw.addresses
    group by all
),

counts as (
    select
        so_far.date,
        so_far.period,
        kinds.kind,
        sum(bit_count(so_far.addresses & kinds.addresses)) as address_count,
    from so_far
    inner join kinds on kinds.address_chunk = so_far.address_chunk
    group by all
),

final as (
    select
        days.date,
        days.period,
        days.first_day,
        coalesce(sum(counts.address_count) filter (where counts.kind = 'contract'), 0)::bigint as contract_count,
        coalesce(sum(counts.address_count) filter (where counts.kind = 'address'), 0)::bigint as address_count,
        coalesce(sum(counts.address_count) filter (where counts.kind = 'public_key'), 0)::bigint as public_key_count,
        coalesce(sum(counts.address_count) filter (where counts.kind = 'other'), 0)::bigint as other_count,
    from days
    left join counts on counts.date = days.date and counts.period = days.period
    where days.date between from_date() and to_date()
    group by days.date, days.period, days.first_day
)

select * from final

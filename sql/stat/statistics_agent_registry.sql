-- materialize: incremental
-- grain: day
-- requires: stg.logged_event_days the day's logged events
-- export: statistics_agent_registry
-- check: unique date
-- check: not_null _id, date, agents_registered
-- column: agents_registered tokens that the registry minted: one per agent
--
-- Agents that registered with the registry's contract, one row per day.

with

mints as (
    select
        date,
        count(*) as agents_registered,
    from raw.tokens_logged_events_v2
    where date between from_date() and to_date()
        and contract = '<10082,0>'
        and event_type = 'CIS-2.mint_event'
    group by all
),

final as (
    select
        concat(days.date, '-statistics_agent_registry') as _id,
        days.date,
        'statistics_agent_registry' as type,
        coalesce(mints.agents_registered, 0) as agents_registered,
    from raw.blocks_per_day as days
    left join mints on mints.date = days.date
    where days.date between from_date() and to_date()
)

select * from final

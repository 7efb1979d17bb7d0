-- severity: warn
-- depends: stat.statistics_ccd_supply
--
-- Scheduled transfers of which not every release can be read, amount and time: they are missing in what unlocks.

with

schedules as (
    select
        date,
        hash,
        releases_of(schedule) as releases,
        schedule,
    from raw.transactions
    where schedule is not null
)

select
    date,
    lower(hex(hash)) as hash,
    schedule,
from schedules
where coalesce(len(releases), 0) = 0
    or len(list_filter(releases, lambda one: release_time(one.timestamp) is null or chain_number(one.amount) is null)) > 0

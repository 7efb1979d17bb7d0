-- severity: warn
-- depends: stat.statistics_ccd_supply
--
-- Scheduled transfers of which not every release can be read, amount and time: they are missing in what unlocks.

with

read as (
    select hash
    from stg.scheduled_releases
    group by all
    having bool_and(release_at is not null and amount_microccd is not null)
)

select
    transactions.date,
    lower(hex(transactions.hash)) as hash,
    transactions.schedule,
from raw.transactions as transactions
anti join read on read.hash = transactions.hash
where transactions.schedule is not null

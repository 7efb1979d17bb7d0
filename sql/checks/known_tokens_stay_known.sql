-- severity: warn
-- depends: stat.statistics_plt
--
-- Tokens of plts_tags that the node knew on a day and not on the next one that it was asked about: no chain forgets a token.

with

days as (
    select
        date,
        lead(date) over (order by date) as next_date,
    from stg.token_info_days
)

select
    known.token,
    days.next_date as date,
from mid.token_days as known
inner join days on days.date = known.date
left join mid.token_days as later on later.date = days.next_date and later.token = known.token
where days.next_date is not null and later.token is null

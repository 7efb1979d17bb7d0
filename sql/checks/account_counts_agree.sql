-- severity: error
--
-- The accounts of the network summary are those with a balance of 0 or more.

select
    summary.date,
    summary.account_count,
    holders.holders['count_>=0'] as holder_count,
from stat.statistics_network_summary as summary
inner join stat.statistics_daily_holders as holders on holders.date = summary.date
where summary.account_count <> holders.holders['count_>=0']

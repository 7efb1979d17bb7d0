-- The balance limits of statistics_daily_holders, in CCD.
create or replace macro holder_limits() as table
    select unnest([0, 100, 10000, 20000, 50000, 100000, 500000, 1000000, 2500000, 5000000, 10000000, 50000000, 100000000])::bigint as limit_ccd;

-- USD per CCD where no rate is known: the one of the chain's start.
create or replace macro stand_in_rate_usd() as 0.01703143::double / 0.91::double;

-- The balance limits of statistics_daily_holders, in CCD.
create or replace macro holder_limits() as table
    select unnest([0, 100, 10000, 20000, 50000, 100000, 500000, 1000000, 2500000, 5000000, 10000000, 50000000, 100000000])::bigint as limit_ccd;

-- USD per CCD where no rate is known: the one of the chain's start.
create or replace macro stand_in_rate_usd() as 0.01703143::double / 0.91::double;

-- The first day on which CCD was traded.
create or replace macro ccd_listed_on() as date '2022-02-10';

-- Volumes of CCD on days of which CoinGecko has wrong ones.
create or replace macro corrected_ccd_volumes() as table
    select date '2022-02-11' as date, 16827000::double as volume_ccd;

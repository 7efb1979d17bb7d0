-- severity: warn
-- depends: stat.statistics_plt
--
-- Days on which a currency that a token tracks has no rate: the token's USD amounts use 1 there.

select
    date,
    stablecoin_tracks,
    list(token order by position) as tokens,
from mid.token_days
where is_stand_in and stablecoin_tracks is not null
group by all

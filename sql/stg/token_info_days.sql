-- column: date a complete day about whose tokens the node has been asked
--
-- Days on which it is known which tokens the node knew, one row per day: what statistics on tokens wait for. A day that other
-- node facts have and raw.token_info has not is one without tokens, as is one before the first token. A day of which the node
-- has been asked about a token and has not answered yet waits.

with

asked as (
    select date from raw.token_info
    union
    select date from raw.chain_parameters
    union
    select date from raw.tokenomics
),

final as (
    select date
    from raw.blocks_per_day
    where (date in (select date from asked) or date < (select min(date) from raw.token_info))
        and date not in (select date from raw.token_info where missing = 'unanswered')
)

select * from final

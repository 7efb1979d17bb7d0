-- severity: warn
--
-- What was asked about another block than the day's last as blocks_per_day has it now.

with

facts as (
    select
        'raw.tokenomics' as table_name,
        date,
        block_hash,
    from raw.tokenomics
    union
    select
        'raw.chain_parameters' as table_name,
        date,
        block_hash,
    from raw.chain_parameters
    union
    select
        'raw.token_info' as table_name,
        date,
        block_hash,
    from raw.token_info
    union
    select
        'raw.ccdscan_release_amounts' as table_name,
        date,
        block_hash,
    from raw.ccdscan_release_amounts
)

select
    facts.table_name,
    facts.date,
    facts.block_hash,
    days.hash_for_last_block,
from facts
inner join raw.blocks_per_day as days on days.date = facts.date
where facts.block_hash <> days.hash_for_last_block

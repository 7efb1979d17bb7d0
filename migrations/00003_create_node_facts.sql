-- +goose Up
create table raw.chain_parameters (
    date date not null, block_height bigint, block_hash varchar,
    micro_ccd_per_euro_numerator hugeint not null, micro_ccd_per_euro_denominator hugeint not null,
    euro_per_energy_numerator hugeint not null, euro_per_energy_denominator hugeint not null
);
comment on table raw.chain_parameters is 'Prices in force at the last block of a day, as the node says (GetBlockChainParameters): microCCD per euro and euro per energy (NRG), as ratios.';

create table raw.token_info (
    date date not null, token varchar not null, total_supply hugeint not null, decimals integer not null, block_hash varchar
);
comment on table raw.token_info is 'What the node says of a protocol-level token at the last block of a day (GetTokenInfo). No row: it did not know the token.';
comment on column raw.token_info.total_supply is 'Whole number; 10^decimals of it are one token.';

create table raw.ccdscan_release_amounts (
    date date not null, block_hash varchar not null, block_height bigint,
    total_amount_microccd hugeint, total_amount_released_microccd hugeint
);
comment on table raw.ccdscan_release_amounts is 'What CCDScan answered about the last block of a day. block_height null: it had no answer.';

-- +goose Down
drop table raw.ccdscan_release_amounts;
drop table raw.token_info;
drop table raw.chain_parameters;

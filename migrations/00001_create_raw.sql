-- +goose Up
create schema raw;

-- The dictionary of accounts: append-only, an id never changes its meaning.
create table raw.accounts (account_id integer not null, address varchar not null);
comment on table raw.accounts is 'Every account address seen in a snapshot (full, 50 characters) and its integer id. Append-only.';

create table raw.snapshots (
    date date not null, file varchar not null, row_count bigint not null, column_names varchar[] not null
);
comment on table raw.snapshots is 'One row per balance snapshot in the warehouse: the CSV of the end of that UTC day.';

create table raw.balance_changes (
    date date not null, account_id integer not null,
    total_microccd bigint, locked_microccd bigint,
    previous_total_microccd bigint, previous_locked_microccd bigint
);
comment on table raw.balance_changes is 'One row per account and snapshot in which its balances differ from the snapshot before (whatever its date). previous_* null: the account is new; total null: it is gone.';

create table raw.stake_changes (
    date date not null, account_id integer not null,
    baker_id bigint, staked_microccd bigint, pool_status varchar, delegation_target varchar, is_suspended boolean,
    previous_baker_id bigint, previous_staked_microccd bigint, previous_pool_status varchar,
    previous_delegation_target varchar, previous_is_suspended boolean
);
comment on table raw.stake_changes is 'One row per account and snapshot in which what it stakes differs from the snapshot before. All null: it stakes nothing.';

create table raw.token_snapshots (
    date date not null, file varchar not null, row_count bigint not null, tokens varchar[] not null
);
comment on table raw.token_snapshots is 'One row per token balance file (DATE.plts.csv) in the warehouse.';

create table raw.token_balance_changes (
    date date not null, account_id integer not null, token varchar not null, balance varchar, previous_balance varchar
);
comment on table raw.token_balance_changes is 'One row per account, token and token snapshot in which the balance differs from the snapshot before. Balances are decimal text, exact; null: none.';

-- Tables of MongoDB collections are not here: sql/raw says which columns they have.

-- The dictionary of addresses in MongoDB collections: append-only, an id never changes its meaning.
create table raw.addresses (address_id integer not null, address varchar not null);
comment on table raw.addresses is 'Every address seen in a MongoDB collection (accounts, contracts, public keys) and its integer id. Append-only.';

create table raw.loaded_heights (table_name varchar not null, height bigint not null);
comment on table raw.loaded_heights is 'Up to which block height a table of blocks is loaded.';

create table raw.tokenomics (
    date date not null, block_hash varchar,
    total_amount_microccd hugeint, total_encrypted_amount_microccd hugeint, baking_reward_account_microccd hugeint,
    finalization_reward_account_microccd hugeint, gas_account_microccd hugeint, protocol_version integer
);
comment on table raw.tokenomics is 'What the node says of the last block of a day (GetTokenomicsInfo). protocol_version is the enum number, 0 is PROTOCOL_VERSION_1.';

create table raw.rejects (
    source varchar not null, file varchar not null, line bigint, document_id varchar, date date, field varchar,
    reason varchar not null, content varchar, run_id bigint not null
);
comment on table raw.rejects is 'Rows and documents that could not be read as their table demands, of the files and collections as last read.';

-- +goose Down
drop schema raw cascade;

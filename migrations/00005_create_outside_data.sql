-- +goose Up
alter table raw.token_info alter column total_supply drop not null;
alter table raw.token_info alter column decimals drop not null;
alter table raw.token_info add column missing varchar;
comment on table raw.token_info is 'What the node says of a protocol-level token at the last block of a day (GetTokenInfo). No row, or missing = not_found: it did not know the token.';
comment on column raw.token_info.missing is 'Why there is no supply: not_found, the node did not know the token; unanswered, it was asked and has not answered yet. null: there is one.';

create table raw.fetched_rates (
    date date not null, token varchar not null, source varchar not null, rate double, timestamp_ms bigint,
    fetched_at timestamp, overrides boolean
);
comment on table raw.fetched_rates is 'USD per token and day as CoinGecko and exchange-api say. One row per day, token and source.';
comment on column raw.fetched_rates.source is 'CoinGecko or exchange-api';
comment on column raw.fetched_rates.rate is 'USD per token; null: the source was asked and has none.';
comment on column raw.fetched_rates.timestamp_ms is 'The time that CoinGecko gives with a price, milliseconds since 1970.';
comment on column raw.fetched_rates.fetched_at is 'When it was asked for, UTC.';
comment on column raw.fetched_rates.overrides is 'It was asked for with --refresh and stands before the rate that MongoDB has.';

create table raw.ccd_volumes (
    date date not null, price_usd double not null, price_eur double not null, volume_usd double not null, volume_eur double not null,
    fetched_at timestamp
);
comment on table raw.ccd_volumes is 'CCD''s price and volume of trade on a day, as CoinGecko says.';

-- +goose Down
drop table raw.ccd_volumes;
drop table raw.fetched_rates;
delete from raw.token_info where missing is not null;
alter table raw.token_info drop column missing;
alter table raw.token_info alter column total_supply set not null;
alter table raw.token_info alter column decimals set not null;
comment on table raw.token_info is 'What the node says of a protocol-level token at the last block of a day (GetTokenInfo). No row: it did not know the token.';

-- +goose Up
create table ops.rows_apart (source varchar not null, collection varchar not null, height bigint not null, row_hash ubigint not null);
comment on table ops.rows_apart is 'Rows whose height is a text in the source: a server gives them with every load, and they take the place of what it gave before.';

-- +goose Down
drop table ops.rows_apart;

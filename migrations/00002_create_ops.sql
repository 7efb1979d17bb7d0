-- +goose Up
create schema ops;

create table ops.runs (
    run_id bigint not null, command varchar not null, started_at timestamp not null, finished_at timestamp,
    status varchar not null, exit_code integer, host varchar, pid integer, version varchar, message varchar,
    cut_date date, cut_height bigint, cut_hash varchar
);
comment on column ops.runs.cut_height is 'Height of the last block of the last complete day: what the run read up to.';
create table ops.run_steps (
    run_id bigint not null, position integer not null, phase varchar not null, name varchar not null, status varchar not null,
    row_count bigint, day_count bigint, seconds double, message varchar
);
create table ops.source_files (
    source varchar not null, name varchar not null, date date, content_hash varchar, bytes bigint, modified_at timestamp,
    status varchar not null, row_count bigint, reject_count bigint, message varchar, run_id bigint not null
);
comment on table ops.source_files is 'Files and collections as last read. status: loaded; failed (its earlier data stands); missing (gone, its data stands until pruned); bounded or reshaped (it is read again).';
create table ops.field_types (
    source varchar not null, collection varchar not null, column_name varchar not null, type varchar not null, path varchar not null,
    value_count bigint not null, first_id varchar, run_id bigint not null
);
comment on table ops.field_types is 'BSON types of each mapped field, as counted by the last load that saw them, and the first _id then.';
create table ops.field_words (source varchar not null, collection varchar not null, column_name varchar not null, word varchar not null, run_id bigint not null);
comment on table ops.field_words is 'Words of columns of type kind and the run that saw them first.';
create table ops.load_progress (source varchar not null, collection varchar not null, from_height bigint not null, reached_height bigint not null, run_id bigint not null);
comment on table ops.load_progress is 'Loads from a server that were cut off: from which height on they replace, and up to which they have come.';
create table ops.calendar (date date not null, first_height bigint not null, last_height bigint not null);
comment on table ops.calendar is 'The heights of each day by which rows got their date.';
create table ops.source_days (table_name varchar not null, date date not null, version ubigint not null);
comment on table ops.source_days is 'A hash of the content of each day of a raw table that has a date column.';
create table ops.source_tables (table_name varchar not null, version ubigint not null);
comment on table ops.source_tables is 'A hash of the content of each raw table.';
create table ops.changed_keys (table_name varchar not null, key varchar, run_id bigint not null);
comment on table ops.changed_keys is 'Keys of a raw table that changed and whose days have not been marked stale yet (null: all).';
create table ops.models (
    model varchar not null, materialize varchar not null, fingerprint varchar not null, version ubigint, inputs ubigint,
    row_count bigint, run_id bigint not null
);
create table ops.model_days (
    model varchar not null, date date not null, inputs ubigint not null, version ubigint not null, row_count bigint not null,
    run_id bigint not null
);
comment on table ops.model_days is 'What each model holds per day: a hash of what it was built from, a hash of its rows.';
create table ops.waiting (model varchar not null, date date not null, reason varchar not null);
create table ops.check_results (
    check_name varchar not null, model varchar, severity varchar not null, status varchar not null, failure_count bigint not null,
    examples varchar, inputs ubigint, run_id bigint not null
);
create table ops.documents (
    destination varchar not null, statistic varchar not null, date date, id varchar not null, hash ubigint not null, run_id bigint not null
);
comment on table ops.documents is 'What each destination has from us: a hash of the content per document.';
create table ops.exports (
    destination varchar not null, statistic varchar not null, shape varchar not null, state varchar not null, version ubigint not null, document_count bigint not null, stale_count bigint not null,
    run_id bigint not null
);
comment on table ops.exports is 'The version of each statistic that a destination has, all documents told.';
create table ops.settings (name varchar not null, value varchar);

-- +goose Down
drop schema ops cascade;

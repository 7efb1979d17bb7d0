-- +goose Up
alter table ops.documents add column is_pending boolean;
comment on column ops.documents.is_pending is 'It was to be written, and nobody knows whether it was: a run that ended in between. Only what is known to be ours is ever deleted.';
alter table ops.exports add column collection varchar;
alter table ops.exports add column database varchar;
alter table ops.exports add column protect varchar;
alter table ops.exports add column guards varchar;
comment on column ops.exports.protect is 'What the model''s header says of the statistic, for when its SQL file is gone. null: not known.';
comment on column ops.exports.guards is 'Guards of the model''s header, one a line.';

-- +goose Down
alter table ops.exports drop column guards;
alter table ops.exports drop column protect;
alter table ops.exports drop column database;
alter table ops.exports drop column collection;
alter table ops.documents drop column is_pending;

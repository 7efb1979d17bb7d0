-- +goose Up
alter table ops.exports add column refused_count bigint default 0;
alter table ops.exports add column published varchar;
comment on column ops.exports.state is 'The destination''s own word for what it holds. Empty while it is written to: where that was cut off, all documents are compared with what is there.';
comment on column ops.exports.refused_count is 'Documents that the destination did not take. They are tried again by every export.';
comment on column ops.exports.published is 'What the destination''s readers were told last: model version, days, counts, the cut.';

-- +goose Down
alter table ops.exports drop column published;
alter table ops.exports drop column refused_count;

-- +goose Up
alter table ops.run_steps add column peak_memory_bytes bigint;
comment on column ops.run_steps.peak_memory_bytes is 'The most that the process took while it built the model. null: not known, or not measured in this phase.';

-- +goose Down
alter table ops.run_steps drop column peak_memory_bytes;

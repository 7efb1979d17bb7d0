-- The range of days that is being built. Outside a build both mean all days, so that a model's SQL runs when it is pasted.
create or replace macro from_date() as coalesce(getvariable('from_date')::date, date '0001-01-01');
create or replace macro to_date() as coalesce(getvariable('to_date')::date, date '9999-12-31');

-- Transactions whose type or contents is null or missing count under this name.
create or replace macro kind_or_unknown(kind) as coalesce(kind, 'unknown');

-- Buckets of fees: their names, in CCD, in their order.
create or replace macro fee_buckets() as table
    select
        unnest(['0', '<0.01', '<0.1', '<1', '<10', '<100', '>=100']) as bucket,
        generate_subscripts(['0', '<0.01', '<0.1', '<1', '<10', '<100', '>=100'], 1) as position;

-- The position of a fee's bucket.
create or replace macro fee_bucket(fee_microccd) as
    case
        when fee_microccd = 0 then 1
        when fee_microccd < 10000 then 2
        when fee_microccd < 100000 then 3
        when fee_microccd < 1000000 then 4
        when fee_microccd < 10000000 then 5
        when fee_microccd < 100000000 then 6
        else 7
    end;

-- The releases of a scheduled transfer's schedule.
create or replace macro releases_of(schedule) as from_json(schedule -> '$.amount', '[{"timestamp": "VARCHAR", "amount": "VARCHAR"}]');

-- When a release is due, UTC; null where the document does not say it in a way that can be read.
create or replace macro release_time(text) as try_strptime(text, ['%Y-%m-%dT%H:%M:%SZ', '%Y-%m-%dT%H:%M:%S.%fZ'])::timestamp;

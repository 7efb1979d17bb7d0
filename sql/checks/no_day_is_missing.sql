-- severity: warn
--
-- Days between the first and the last snapshot without one.

with

bounds as (
    select
        min(date) as first_day,
        max(date) as last_day,
    from raw.snapshots
),

days as (
    select unnest(generate_series(first_day, last_day, interval 1 day))::date as date
    from bounds
)

select days.date
from days
anti join raw.snapshots as snapshots on snapshots.date = days.date

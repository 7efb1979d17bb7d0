-- column: total_microccd balance at the end of the day
--
-- One row per day and account whose balance differs from the calendar day before, or that is new. Of a day without a
-- snapshot the day before: all its accounts.

with

gap_days as (
    select snapshots.date
    from raw.snapshots as snapshots
    anti join raw.snapshots as others on others.date + 1 = snapshots.date
),

changed as (
    select
        date,
        account_id,
        total_microccd,
    from stg.balance_changes
    where total_microccd is not null
        and total_microccd is distinct from previous_total_microccd
        and date not in (select date from gap_days)
),

after_a_gap as (
    select
        gap_days.date,
        changes.account_id,
        arg_max(coalesce(changes.total_microccd, -1), changes.date) as total_microccd,
    from gap_days
    inner join stg.balance_changes as changes on changes.date <= gap_days.date
    group by all
    having arg_max(coalesce(changes.total_microccd, -1), changes.date) >= 0
),

moves as (
    select * from changed
    union all
    select * from after_a_gap
),

final as (
    select
        moves.date,
        moves.account_id,
        accounts.account_address_canonical,
        moves.total_microccd,
    from moves
    inner join stg.accounts as accounts on accounts.account_id = moves.account_id
)

select * from final

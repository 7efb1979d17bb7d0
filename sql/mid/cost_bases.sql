-- materialize: state
-- grain: day, account
-- columns: date date, account_id integer, balance_microccd bigint, basis_usd double, value_usd decimal(38, 12), value_change_usd decimal(38, 12)
-- column: balance_microccd balance at the end of the day, 0 when the account is gone
-- column: basis_usd what a CCD of the account cost on average, USD
-- column: value_usd balance at its cost basis, USD
-- column: value_change_usd value less the value before
--
-- What each account paid for its CCD: one row per account and snapshot in which its balance changed. The basis is the
-- day's rate when the balance before was 0, the weighted average when it rose, else it stays. Values are fixed point, so
-- that their sums do not depend on an order.

with recursive

changes as (
    select
        date,
        account_id,
        coalesce(total_microccd, 0) as balance,
        coalesce(previous_total_microccd, 0) as balance_before,
        row_number() over (partition by account_id order by date) as step,
    from stg.balance_changes
    where date between from_date() and to_date()
        and coalesce(total_microccd, 0) <> coalesce(previous_total_microccd, 0)
),

moves as (
    select
        changes.*,
        rates.rate_usd as rate,
    from changes
    inner join mid.ccd_rates_filled as rates on rates.date = changes.date
),

known as (
    select
        account_id,
        max_by(basis_usd, date) as basis,
        max_by(value_usd, date) as value,
    from mid.cost_bases
    where date < from_date()
        and account_id in (select account_id from changes)
    group by all
),

steps as (
    select
        moves.date,
        moves.account_id,
        moves.step,
        moves.balance,
        case
            when moves.balance_before = 0 then moves.rate
            when moves.balance > moves.balance_before
                then (moves.balance_before * known.basis + (moves.balance - moves.balance_before) * moves.rate) / moves.balance
            else known.basis
        end as basis,
        coalesce(known.value, 0) as value_before,
    from moves
    left join known on known.account_id = moves.account_id
    where moves.step = 1
    union all
    select
        moves.date,
        moves.account_id,
        moves.step,
        moves.balance,
        case
            when moves.balance_before = 0 then moves.rate
            when moves.balance > moves.balance_before
                then (moves.balance_before * steps.basis + (moves.balance - moves.balance_before) * moves.rate) / moves.balance
            else steps.basis
        end as basis,
        (ccd(steps.balance) * steps.basis)::decimal(38, 12) as value_before,
    from steps
    inner join moves on moves.account_id = steps.account_id and moves.step = steps.step + 1
),

final as (
    select
        date::date as date,
        account_id::integer as account_id,
        balance::bigint as balance_microccd,
        basis::double as basis_usd,
        (ccd(balance) * basis)::decimal(38, 12) as value_usd,
        ((ccd(balance) * basis)::decimal(38, 12) - value_before)::decimal(38, 12) as value_change_usd,
    from steps
)

select * from final

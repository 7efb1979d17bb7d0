-- column: staked_microccd stake as a validator or a delegator, 0 for none
--
-- Plain daily balances for people: one row per snapshot and account in it. The warehouse keeps changes only, so this
-- view puts them together again; over all days of a long history it is slow, for one day give a date.

with

balances as (
    select
        account_id,
        date as valid_from,
        lead(date) over (partition by account_id order by date) as valid_until,
        total_microccd,
        locked_microccd,
    from raw.balance_changes
),

stakes as (
    select
        account_id,
        date as valid_from,
        lead(date) over (partition by account_id order by date) as valid_until,
        baker_id,
        staked_microccd,
        pool_status,
        delegation_target,
        is_suspended,
    from raw.stake_changes
),

final as (
    select
        snapshots.date,
        accounts.account_address,
        accounts.account_address_canonical,
        balances.total_microccd,
        balances.locked_microccd,
        coalesce(stakes.staked_microccd, 0) as staked_microccd,
        ccd(balances.total_microccd) as total_ccd,
        stakes.baker_id,
        stakes.pool_status,
        stakes.delegation_target,
        stakes.is_suspended,
        accounts.account_id,
    from raw.snapshots as snapshots
    inner join balances
        on balances.valid_from <= snapshots.date
        and snapshots.date < coalesce(balances.valid_until, date '9999-12-31')
    inner join stg.accounts as accounts on accounts.account_id = balances.account_id
    left join stakes
        on stakes.account_id = balances.account_id
        and stakes.valid_from <= snapshots.date
        and snapshots.date < coalesce(stakes.valid_until, date '9999-12-31')
    where balances.total_microccd is not null
)

select * from final

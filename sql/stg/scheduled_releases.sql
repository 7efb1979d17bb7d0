-- column: date day of the transaction; null: its block is of no day
-- column: hash hash of the transaction
-- column: block_height height of the transaction's block
-- column: sender_id id of the sender's address
-- column: receiver_address full address of the receiver, on whose account the amount is locked
-- column: release_at when it unlocks, UTC; null: the document does not say it in a way that can be read
-- column: amount_microccd what unlocks then, microCCD; null: as release_at
--
-- Releases of scheduled transfers, one row each.

with

releases as (
    select
        date,
        hash,
        block_height,
        sender_id,
        schedule ->> '$.receiver' as receiver_address,
        unnest(releases_of(schedule)) as release,
    from raw.transactions
    where schedule is not null
),

final as (
    select
        date,
        hash,
        block_height,
        sender_id,
        receiver_address,
        release_time(release.timestamp) as release_at,
        chain_number(release.amount) as amount_microccd,
    from releases
)

select * from final

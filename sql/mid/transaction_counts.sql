-- materialize: incremental
-- grain: day, project_id, type, contents
-- requires: stg.transaction_days the day's transactions
-- column: project_id project of the sender: as the document says, else of the account that sent it; null: none
-- column: type account_transaction, account_creation, …; unknown where the document has none
-- column: contents kind, or the reason why it was rejected; unknown where the document has none
--
-- How many transactions of each kind each project sent, one row per day, project, type and contents.

with

final as (
    select
        transactions.date,
        coalesce(transactions.recognized_sender_id, senders.project_id) as project_id,
        kind_or_unknown(transactions.type) as type,
        kind_or_unknown(transactions.contents) as contents,
        count(*) as transaction_count,
    from raw.transactions as transactions
    left join mid.recognized_senders as senders
        on senders.date = transactions.date
        and senders.sender_id = transactions.sender_id
    where transactions.date between from_date() and to_date()
    group by all
)

select * from final

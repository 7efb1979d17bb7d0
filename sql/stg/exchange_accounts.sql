-- column: exchange first word of the label, lower case: the field's name in documents
-- column: position place of the exchange's first label in the collection
--
-- Canonical addresses that labels put into the group "exchanges", one row per exchange and address.

with

labels as (
    select
        unicode_lower(split_part(trim(label), ' ', 1)) as exchange,
        canonical(account_address) as account_address_canonical,
        position,
    from raw.labeled_accounts
    where label_group = 'exchanges' and trim(label) <> ''
),

final as (
    select
        exchange,
        account_address_canonical,
        min(min(position)) over (partition by exchange) as position,
    from labels
    group by exchange, account_address_canonical
)

select * from final

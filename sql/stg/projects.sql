-- column: id _id of the document
-- column: type account_address, contract_address or module
-- column: document the whole document
-- column: position place in the collection; what only projects.json lists comes after all others, in its order
--
-- Accounts, contracts and modules of projects, one row each: the collection projects, and over it what projects.json lists.
-- A document with a display_name stands as it is. One that the list says the same of does, too; where it says otherwise, its
-- word counts. What an earlier revision listed and the last one does not is left out. What it never listed stays.

with

known as (
    select
        projects.*,
        json_exists(projects.document, '$.display_name') as has_name,
    from raw.projects as projects
),

kept as (
    select known.*
    from known
    left join raw.listed_projects as listed on listed.id = known.id
    where known.has_name
        or listed.id is null
        or (
            not listed.is_withdrawn
            and listed.project_id = known.project_id
            and listed.type is not distinct from known.type
            and listed.account_index is not distinct from known.account_index
            and listed.account_address is not distinct from known.account_address
            and listed.module_ref is not distinct from known.module_ref
        )
),

added as (
    select
        listed.id,
        listed.project_id,
        listed.type,
        listed.account_index,
        listed.account_address,
        listed.module_ref,
        case
            when listed.type = 'module' then json_object('_id', listed.id, 'project_id', listed.project_id, 'type', listed.type, 'module_ref', listed.module_ref)
            else json_object(
                '_id', listed.id,
                'project_id', listed.project_id,
                'type', listed.type,
                'account_index', listed.account_index,
                'account_address', listed.account_address
            )
        end as document,
        coalesce(known.position, (select coalesce(max(position), 0) from raw.projects) + listed.position) as position,
    from raw.listed_projects as listed
    left join known on known.id = listed.id
    where not listed.is_withdrawn
        and listed.id not in (select id from kept)
),

final as (
    select
        id,
        project_id,
        type,
        account_index,
        account_address,
        module_ref,
        document,
        position,
    from kept
    union all
    select
        id,
        project_id,
        type,
        account_index,
        account_address,
        module_ref,
        document,
        position,
    from added
)

select * from final

-- grain: document
-- export: projects
-- collection: projects
-- protect: display_name
-- spread: fields
-- check: unique _id
-- check: not_null _id, fields
-- column: fields all fields of the document but its key
--
-- The collection of projects as it goes back: its documents, those of projects.json, and one for each instance of a module
-- that is in them. A document of an instance is written again, without whatever else stands in it, unless it has a display_name.

with

projects as (
    select
        id,
        document,
        json_exists(document, '$.display_name') as has_name,
    from stg.projects
),

modules as (
    select distinct
        project_id,
        module_ref,
    from stg.projects
    where type = 'module'
),

-- The module as the chain says; a document with neither kind of instance belongs to none.
instances as (
    select
        contract_address,
        try_cast(regexp_extract(contract_address, '^<([0-9]+),[0-9]+>$', 1) as bigint) as contract_index,
        coalesce(v0_source_module, v1_source_module) as module_ref,
    from raw.instances
),

recognized as (
    select
        concat(modules.project_id, '-address-', instances.contract_address) as id,
        json_object(
            'project_id', modules.project_id,
            'type', 'contract_address',
            'contract_index', instances.contract_index,
            'contract_address', instances.contract_address
        ) as fields,
    from modules
    inner join instances on instances.module_ref = modules.module_ref
    where instances.contract_index is not null
),

final as (
    select
        coalesce(projects.id, recognized.id) as _id,
        case
            when recognized.id is null or projects.has_name then json_merge_patch(projects.document, '{"_id": null}')
            else recognized.fields
        end as fields,
    from projects
    full join recognized on recognized.id = projects.id
)

select * from final

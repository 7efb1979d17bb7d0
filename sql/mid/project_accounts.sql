-- materialize: table
-- check: unique account_address
-- check: not_null account_address, project_id
-- column: account_address full address; aliases of the account are other addresses
--
-- Which project an account belongs to, one row per account. Of two projects that claim it, the one whose document is the
-- later in the collection.

with

final as (
    select
        account_address,
        max_by(project_id, position) as project_id,
    from stg.projects
    where type = 'account_address' and account_address is not null
    group by all
)

select * from final

-- +goose Up
create table raw.listed_projects (
    id varchar not null, project_id varchar not null, type varchar not null, account_index bigint, account_address varchar,
    module_ref varchar, position bigint not null, is_withdrawn boolean not null
);
comment on table raw.listed_projects is 'Accounts and modules of projects as projects.json lists them, one row each, and those that an earlier revision of it listed.';
comment on column raw.listed_projects.id is 'The _id of its document in projects: PROJECT-address-INDEX, PROJECT-module-HASH.';
comment on column raw.listed_projects.type is 'account_address or module';
comment on column raw.listed_projects.position is 'Place in the list.';
comment on column raw.listed_projects.is_withdrawn is 'An earlier revision listed it, the last one does not.';

create table raw.project_lists (
    address varchar not null, etag varchar, content_hash varchar not null, network varchar not null, commit_id varchar, fetched_at timestamp not null
);
comment on table raw.project_lists is 'The last revision of projects.json that was read, one row.';
comment on column raw.project_lists.address is 'URL, file or folder it came from, without secrets.';
comment on column raw.project_lists.etag is 'How the server names the revision.';
comment on column raw.project_lists.content_hash is 'Hash of the file.';
comment on column raw.project_lists.network is 'The part of it that was read: mainnet or testnet.';
comment on column raw.project_lists.commit_id is 'The newest commit of its repository when it was read, where --projects-list-commits tells it.';
comment on column raw.project_lists.fetched_at is 'When this revision was first read, UTC.';

-- +goose Down
drop table raw.listed_projects;
drop table raw.project_lists;

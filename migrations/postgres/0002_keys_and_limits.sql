-- Keys that expire and are told apart, and what they were used for.

alter table api_keys add column hint text;
alter table api_keys add column expires_at timestamptz;
create index api_keys_by_created on api_keys (org_id, created_at, id);

-- One row a key and class of request: how much of the present hour is used. Updated by every request, so
-- there is room in the pages, and no index on what changes.
create table key_usage (
    org_id uuid not null,
    key_id uuid not null,
    class text not null constraint key_usage_class_known check (class in ('read', 'write', 'admin')),
    window_start timestamptz not null,
    used bigint not null,
    last_used_at timestamptz not null,
    constraint key_usage_pk primary key (org_id, key_id, class),
    constraint key_usage_key_fk foreign key (org_id, key_id) references api_keys (org_id, id)
) with (fillfactor = 50);

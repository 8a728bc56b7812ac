-- Keys that expire and are told apart, and what they were used for.

alter table api_keys add column hint text;
alter table api_keys add column expires_at text;
create index api_keys_by_created on api_keys (org_id, created_at, id);

-- One row a key and class of request: how much of the present hour is used. Written back every second or so.
create table key_usage (
    org_id blob not null,
    key_id blob not null,
    class text not null constraint key_usage_class_known check (class in ('read', 'write', 'admin')),
    window_start text not null,
    used integer not null,
    last_used_at text not null,
    constraint key_usage_pk primary key (org_id, key_id, class),
    constraint key_usage_key_fk foreign key (org_id, key_id) references api_keys (org_id, id)
);

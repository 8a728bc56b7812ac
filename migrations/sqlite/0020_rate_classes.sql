-- Requests about plugins, and new stock, have hourly limits of their own. An older version never reads their rows.
create table key_usage_new (
    org_id blob not null,
    key_id blob not null,
    class text not null
        constraint key_usage_class_known check (class in ('read', 'write', 'admin', 'plugins', 'stock')),
    window_start text not null,
    used integer not null,
    last_used_at text not null,
    constraint key_usage_pk primary key (org_id, key_id, class),
    constraint key_usage_key_fk foreign key (org_id, key_id) references api_keys (org_id, id)
);
insert into key_usage_new select org_id, key_id, class, window_start, used, last_used_at from key_usage;
drop table key_usage;
alter table key_usage_new rename to key_usage;

create table organization_usage_new (
    org_id blob not null constraint organization_usage_org_fk references organizations (id),
    class text not null
        constraint organization_usage_class_known check (class in ('read', 'write', 'admin', 'plugins', 'stock')),
    window_start text not null,
    used integer not null,
    constraint organization_usage_pk primary key (org_id, class)
);
insert into organization_usage_new select org_id, class, window_start, used from organization_usage;
drop table organization_usage;
alter table organization_usage_new rename to organization_usage;

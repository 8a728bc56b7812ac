-- What one organization may use and have: its requests of the present hour, its valid keys, its components.

-- One row an organization and class of request, beside the one of each key. Written back every second or so.
create table organization_usage (
    org_id blob not null constraint organization_usage_org_fk references organizations (id),
    class text not null constraint organization_usage_class_known check (class in ('read', 'write', 'admin')),
    window_start text not null,
    used integer not null,
    constraint organization_usage_pk primary key (org_id, class)
);

create index api_keys_valid on api_keys (org_id, expires_at) where revoked_at is null;

-- When a plugin of the component was deleted last: the sweep looks whether another one names it. Null means that none
-- was deleted since it was uploaded or looked at.
alter table components add column released_at text;
create index components_released on components (released_at) where released_at is not null;
create index plugins_by_digest on plugins (digest);

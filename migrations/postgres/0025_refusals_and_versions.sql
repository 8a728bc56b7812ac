-- The refusals of a ticket's requests: the last one of each plugin and code, with their number.
create table ticket_refusals (
    org_id uuid not null,
    id uuid not null,
    ticket_id uuid not null,
    plugin text not null,
    code text not null,
    -- The last of these runs, for the journal.
    run_id uuid not null,
    installation_id uuid,
    hook text not null,
    message text not null,
    field text,
    -- The status of the ticket, and the one that it should have got.
    status text not null,
    to_status text,
    actor text not null,
    refusals bigint not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    constraint ticket_refusals_pk primary key (org_id, ticket_id, plugin, code),
    constraint ticket_refusals_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);

-- What was installed when: the settings and grants of each version of an installation, for going back.
create table installation_versions (
    org_id uuid not null,
    installation_id uuid not null,
    n bigint not null,
    plugin_id uuid not null,
    plugin_version text not null,
    digest text not null,
    settings jsonb not null,
    grants jsonb not null,
    hooks jsonb not null,
    state text not null constraint installation_versions_state_known check (state in ('candidate', 'current', 'past')),
    -- How it became what it is: `installed`, `upgraded`, `rolled_back`.
    reason text not null,
    actor text not null,
    created_at timestamptz not null,
    ended_at timestamptz,
    constraint installation_versions_pk primary key (org_id, installation_id, n),
    constraint installation_versions_installation_fk foreign key (org_id, installation_id)
        references installations (org_id, id) on delete cascade
);
insert into installation_versions (org_id, installation_id, n, plugin_id, plugin_version, digest, settings, grants, hooks,
    state, reason, actor, created_at)
select i.org_id, i.id, 1, i.plugin_id, p.version, p.digest, i.settings, i.grants, i.hooks, 'current', 'installed', 'RepairOps',
    i.created_at
from installations i join plugins p on p.org_id = i.org_id and p.id = i.plugin_id;

-- Single rights beside the scope.
alter table api_keys add column may_read_runs boolean not null default false;
alter table api_keys add column may_override boolean not null default false;
alter table api_keys add column may_manage_plugins boolean not null default false;

-- Whose personal data was erased. A job goes through all copies once more, after the last request that may still hold
-- some of it, and then forgets what it looked for.
create table erasures (
    org_id uuid not null,
    customer_id uuid not null,
    actor text not null,
    requested_at timestamptz not null,
    due_at timestamptz not null,
    -- What to look for in free texts, as JSON; null when the work is finished.
    pieces jsonb,
    finished_at timestamptz,
    constraint erasures_pk primary key (org_id, customer_id),
    constraint erasures_customer_fk foreign key (org_id, customer_id) references customers (org_id, id)
);
create index erasures_due on erasures (due_at) where finished_at is null;

-- The journal of plugins: what each hook was asked, once for all of its plugins. SQLite has it in a file of its own.
create table plugin_inputs (
    org_id uuid not null constraint plugin_inputs_org_fk references organizations (id),
    id uuid not null,
    hook text not null,
    -- Of the event's JSON form.
    model_version bigint not null,
    shop_id uuid,
    ticket_id uuid,
    customer_id uuid,
    -- JSON, compressed (zlib).
    body bytea not null,
    created_at timestamptz not null,
    constraint plugin_inputs_pk primary key (org_id, id)
);
create index plugin_inputs_by_ticket on plugin_inputs (org_id, ticket_id);
create index plugin_inputs_by_customer on plugin_inputs (org_id, customer_id);
create index plugin_inputs_by_time on plugin_inputs (org_id, created_at);

-- One row for each call. Figures stay; the body has what may name people.
create table plugin_runs (
    org_id uuid not null constraint plugin_runs_org_fk references organizations (id),
    id uuid not null,
    input_id uuid not null,
    installation_id uuid not null,
    plugin text not null,
    plugin_version text not null,
    digest text not null,
    hook text not null,
    mode text not null constraint plugin_runs_mode_known check (mode in ('enforce', 'monitor')),
    outcome text not null,
    is_failure boolean not null,
    shop_id uuid,
    ticket_id uuid,
    -- The codes of its violations, as JSON.
    codes jsonb not null,
    fuel bigint not null,
    cpu_us bigint not null,
    wall_us bigint not null,
    memory_bytes bigint not null,
    -- Decision, error, log: JSON, compressed (zlib).
    body bytea not null,
    created_at timestamptz not null,
    constraint plugin_runs_pk primary key (org_id, id)
);
create index plugin_runs_by_time on plugin_runs (org_id, created_at, id);
create index plugin_runs_by_ticket on plugin_runs (org_id, ticket_id, created_at);
create index plugin_runs_by_installation on plugin_runs (org_id, installation_id, created_at);
create index plugin_runs_by_input on plugin_runs (org_id, input_id);

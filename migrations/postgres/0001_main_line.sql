-- The whole line: organizations, keys, shops, people, tickets, stock, plugins, events.
-- Primary keys begin with org_id. Every constraint has a name, which `error.rs` may turn into words.

create table organizations (
    id uuid not null constraint organizations_pk primary key,
    name text collate "C" not null,
    tier text not null,
    plugins_revision bigint not null default 0,
    last_ticket_number bigint not null default 0,
    created_at timestamptz not null
);

create table api_keys (
    org_id uuid not null constraint api_keys_org_fk references organizations (id),
    id uuid not null,
    name text collate "C" not null,
    hash bytea not null constraint api_keys_hash_unique unique,
    scope text not null constraint api_keys_scope_known check (scope in ('read', 'write', 'admin')),
    user_id uuid,
    created_at timestamptz not null,
    revoked_at timestamptz,
    constraint api_keys_pk primary key (org_id, id)
);

create table shops (
    org_id uuid not null constraint shops_org_fk references organizations (id),
    id uuid not null,
    name text collate "C" not null,
    time_zone text not null,
    address text,
    created_at timestamptz not null,
    constraint shops_pk primary key (org_id, id)
);

create table users (
    org_id uuid not null constraint users_org_fk references organizations (id),
    id uuid not null,
    name text collate "C" not null,
    email text not null,
    email_key text collate "C" not null,
    role text not null,
    hourly_cost bigint constraint users_hourly_cost_range check (hourly_cost >= 0),
    created_at timestamptz not null,
    constraint users_pk primary key (org_id, id),
    constraint users_email_unique unique (org_id, email_key)
);

create table customers (
    org_id uuid not null constraint customers_org_fk references organizations (id),
    id uuid not null,
    name text collate "C" not null,
    name_key text collate "C" not null,
    email text not null,
    email_key text collate "C" not null,
    phone text,
    address text,
    created_at timestamptz not null,
    constraint customers_pk primary key (org_id, id),
    constraint customers_email_unique unique (org_id, email_key)
);
create index customers_by_created on customers (org_id, created_at, id);

create table tickets (
    org_id uuid not null,
    id uuid not null,
    number bigint not null,
    version bigint not null,
    shop_id uuid not null,
    customer_id uuid not null,
    status text not null,
    device_identifier text not null,
    device_category text,
    device_description text,
    issue_description text not null,
    issue_category text,
    issue_severity text,
    assigned_to uuid,
    labor_hours bigint not null constraint tickets_labor_hours_range check (labor_hours >= 0),
    labor_rate bigint not null constraint tickets_labor_rate_range check (labor_rate >= 0),
    findings text,
    estimated_cost bigint,
    recommended_parts jsonb not null,
    tags jsonb not null,
    custom_fields jsonb not null,
    picked_up_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint tickets_pk primary key (org_id, id),
    constraint tickets_number_unique unique (org_id, number),
    constraint tickets_shop_fk foreign key (org_id, shop_id) references shops (org_id, id),
    constraint tickets_customer_fk foreign key (org_id, customer_id) references customers (org_id, id),
    constraint tickets_assigned_to_fk foreign key (org_id, assigned_to) references users (org_id, id)
);
create index tickets_by_created on tickets (org_id, created_at, id);
create index tickets_by_status on tickets (org_id, status, created_at, id);
create index tickets_by_shop on tickets (org_id, shop_id, created_at, id);
create index tickets_by_customer on tickets (org_id, customer_id, created_at, id);

create table ticket_parts (
    org_id uuid not null,
    id uuid not null,
    ticket_id uuid not null,
    position bigint not null,
    inventory_id uuid,
    sku text collate "C",
    name text collate "C" not null,
    quantity bigint not null constraint ticket_parts_quantity_range check (quantity > 0),
    unit_cost bigint not null constraint ticket_parts_unit_cost_range check (unit_cost >= 0),
    cost_basis bigint,
    constraint ticket_parts_pk primary key (org_id, id),
    constraint ticket_parts_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);
create index ticket_parts_by_ticket on ticket_parts (org_id, ticket_id, position);

create table ticket_events (
    org_id uuid not null,
    id uuid not null,
    ticket_id uuid not null,
    kind text not null constraint ticket_events_kind_known check (kind in ('created', 'transitioned', 'note')),
    status text not null,
    from_status text,
    actor text not null,
    notes text,
    created_at timestamptz not null,
    constraint ticket_events_pk primary key (org_id, id),
    constraint ticket_events_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);
create index ticket_events_by_ticket on ticket_events (org_id, ticket_id, created_at, id);

-- Which plugin set which field of a ticket: one row a field, the last one to set it.
create table ticket_field_sources (
    org_id uuid not null,
    ticket_id uuid not null,
    field text not null,
    plugin text not null,
    plugin_version text not null,
    installation_id uuid not null,
    created_at timestamptz not null,
    constraint ticket_field_sources_pk primary key (org_id, ticket_id, field),
    constraint ticket_field_sources_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);

-- The post-create work of a ticket: one row for each installation that was on when it was made.
create table enrichments (
    org_id uuid not null,
    ticket_id uuid not null,
    installation_id uuid not null,
    state text not null constraint enrichments_state_known check (state in ('pending', 'done', 'failed')),
    attempts bigint not null,
    due_at timestamptz not null,
    last_error text,
    constraint enrichments_pk primary key (org_id, ticket_id, installation_id),
    constraint enrichments_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);
create index enrichments_due on enrichments (due_at) where state = 'pending';

create table inventory_items (
    org_id uuid not null,
    id uuid not null,
    shop_id uuid not null,
    sku text collate "C" not null,
    name text collate "C" not null,
    category text collate "C" not null,
    on_hand bigint not null,
    reserved bigint not null,
    cost bigint not null constraint inventory_items_cost_range check (cost >= 0),
    selling_price bigint not null constraint inventory_items_selling_price_range check (selling_price >= 0),
    reorder_level bigint not null constraint inventory_items_reorder_level_range check (reorder_level >= 0),
    supplier text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint inventory_items_pk primary key (org_id, id),
    constraint inventory_items_sku_unique unique (org_id, shop_id, sku),
    constraint inventory_items_shop_fk foreign key (org_id, shop_id) references shops (org_id, id),
    constraint inventory_items_reserved_not_negative check (reserved >= 0),
    constraint inventory_items_reserved_covered check (reserved <= on_hand)
);
create index inventory_items_by_sku on inventory_items (org_id, sku, id);
create index inventory_items_by_category on inventory_items (org_id, category, id);

create table reservations (
    org_id uuid not null,
    id uuid not null,
    ticket_id uuid not null,
    part_id uuid not null,
    item_id uuid not null,
    quantity bigint not null constraint reservations_quantity_range check (quantity > 0),
    state text not null constraint reservations_state_known check (state in ('held', 'consumed', 'released')),
    plugin text,
    created_at timestamptz not null,
    ended_at timestamptz,
    constraint reservations_pk primary key (org_id, id),
    constraint reservations_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id),
    constraint reservations_item_fk foreign key (org_id, item_id) references inventory_items (org_id, id),
    constraint reservations_ended check ((state = 'held') = (ended_at is null))
);
create index reservations_by_ticket on reservations (org_id, ticket_id, state);
create index reservations_by_item on reservations (org_id, item_id, state);

-- Append-only.
create table stock_movements (
    org_id uuid not null,
    id uuid not null,
    item_id uuid not null,
    delta bigint not null,
    reason text not null,
    actor text not null,
    ticket_id uuid,
    created_at timestamptz not null,
    constraint stock_movements_pk primary key (org_id, id),
    constraint stock_movements_item_fk foreign key (org_id, item_id) references inventory_items (org_id, id)
);
create index stock_movements_by_item on stock_movements (org_id, item_id, created_at, id);

-- The content-addressed store of components: shared by organizations, reached only through a plugin of one.
create table components (
    digest text not null constraint components_pk primary key,
    bytes bytea not null,
    state text not null constraint components_state_known check (state in ('compiling', 'ready', 'failed')),
    error text,
    created_at timestamptz not null
);

create table plugins (
    org_id uuid not null constraint plugins_org_fk references organizations (id),
    id uuid not null,
    digest text not null constraint plugins_digest_fk references components (digest),
    name text collate "C" not null,
    version text not null,
    description text not null,
    size_bytes bigint not null,
    hooks jsonb not null,
    permissions jsonb not null,
    settings_schema jsonb,
    created_at timestamptz not null,
    constraint plugins_pk primary key (org_id, id),
    constraint plugins_digest_unique unique (org_id, digest)
);

create table installations (
    org_id uuid not null,
    id uuid not null,
    plugin_id uuid not null,
    settings jsonb not null,
    grants jsonb not null,
    limits jsonb not null,
    shop_ids jsonb,
    hooks jsonb not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint installations_pk primary key (org_id, id),
    constraint installations_plugin_fk foreign key (org_id, plugin_id) references plugins (org_id, id)
);

-- The outbox: written in the transaction of what it tells.
create table events (
    org_id uuid not null constraint events_org_fk references organizations (id),
    id uuid not null,
    event text not null,
    data jsonb not null,
    created_at timestamptz not null,
    constraint events_pk primary key (org_id, id)
);

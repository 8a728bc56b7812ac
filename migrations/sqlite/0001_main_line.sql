-- The whole line: organizations, keys, shops, people, tickets, stock, plugins, events.
-- Primary keys begin with org_id. Every constraint has a name, which `error.rs` may turn into words.

create table organizations (
    id blob not null constraint organizations_pk primary key,
    name text not null,
    tier text not null,
    plugins_revision integer not null default 0,
    last_ticket_number integer not null default 0,
    created_at text not null
);

create table api_keys (
    org_id blob not null constraint api_keys_org_fk references organizations (id),
    id blob not null,
    name text not null,
    hash blob not null constraint api_keys_hash_unique unique,
    scope text not null constraint api_keys_scope_known check (scope in ('read', 'write', 'admin')),
    user_id blob,
    created_at text not null,
    revoked_at text,
    constraint api_keys_pk primary key (org_id, id)
);

create table shops (
    org_id blob not null constraint shops_org_fk references organizations (id),
    id blob not null,
    name text not null,
    time_zone text not null,
    address text,
    created_at text not null,
    constraint shops_pk primary key (org_id, id)
);

create table users (
    org_id blob not null constraint users_org_fk references organizations (id),
    id blob not null,
    name text not null,
    email text not null,
    email_key text not null,
    role text not null,
    hourly_cost integer constraint users_hourly_cost_range check (hourly_cost >= 0),
    created_at text not null,
    constraint users_pk primary key (org_id, id),
    constraint users_email_unique unique (org_id, email_key)
);

create table customers (
    org_id blob not null constraint customers_org_fk references organizations (id),
    id blob not null,
    name text not null,
    name_key text not null,
    email text not null,
    email_key text not null,
    phone text,
    address text,
    created_at text not null,
    constraint customers_pk primary key (org_id, id),
    constraint customers_email_unique unique (org_id, email_key)
);
create index customers_by_created on customers (org_id, created_at, id);

create table tickets (
    org_id blob not null,
    id blob not null,
    number integer not null,
    version integer not null,
    shop_id blob not null,
    customer_id blob not null,
    status text not null,
    device_identifier text not null,
    device_category text,
    device_description text,
    issue_description text not null,
    issue_category text,
    issue_severity text,
    assigned_to blob,
    labor_hours integer not null constraint tickets_labor_hours_range check (labor_hours >= 0),
    labor_rate integer not null constraint tickets_labor_rate_range check (labor_rate >= 0),
    findings text,
    estimated_cost integer,
    recommended_parts text not null,
    tags text not null,
    custom_fields text not null,
    picked_up_at text,
    created_at text not null,
    updated_at text not null,
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
    org_id blob not null,
    id blob not null,
    ticket_id blob not null,
    position integer not null,
    inventory_id blob,
    sku text,
    name text not null,
    quantity integer not null constraint ticket_parts_quantity_range check (quantity > 0),
    unit_cost integer not null constraint ticket_parts_unit_cost_range check (unit_cost >= 0),
    cost_basis integer,
    constraint ticket_parts_pk primary key (org_id, id),
    constraint ticket_parts_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);
create index ticket_parts_by_ticket on ticket_parts (org_id, ticket_id, position);

create table ticket_events (
    org_id blob not null,
    id blob not null,
    ticket_id blob not null,
    kind text not null constraint ticket_events_kind_known check (kind in ('created', 'transitioned', 'note')),
    status text not null,
    from_status text,
    actor text not null,
    notes text,
    created_at text not null,
    constraint ticket_events_pk primary key (org_id, id),
    constraint ticket_events_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);
create index ticket_events_by_ticket on ticket_events (org_id, ticket_id, created_at, id);

-- Which plugin set which field of a ticket: one row a field, the last one to set it.
create table ticket_field_sources (
    org_id blob not null,
    ticket_id blob not null,
    field text not null,
    plugin text not null,
    plugin_version text not null,
    installation_id blob not null,
    created_at text not null,
    constraint ticket_field_sources_pk primary key (org_id, ticket_id, field),
    constraint ticket_field_sources_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);

-- The post-create work of a ticket: one row for each installation that was on when it was made.
create table enrichments (
    org_id blob not null,
    ticket_id blob not null,
    installation_id blob not null,
    state text not null constraint enrichments_state_known check (state in ('pending', 'done', 'failed')),
    attempts integer not null,
    due_at text not null,
    last_error text,
    constraint enrichments_pk primary key (org_id, ticket_id, installation_id),
    constraint enrichments_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);
create index enrichments_due on enrichments (due_at) where state = 'pending';

create table inventory_items (
    org_id blob not null,
    id blob not null,
    shop_id blob not null,
    sku text not null,
    name text not null,
    category text not null,
    on_hand integer not null,
    reserved integer not null,
    cost integer not null constraint inventory_items_cost_range check (cost >= 0),
    selling_price integer not null constraint inventory_items_selling_price_range check (selling_price >= 0),
    reorder_level integer not null constraint inventory_items_reorder_level_range check (reorder_level >= 0),
    supplier text,
    created_at text not null,
    updated_at text not null,
    constraint inventory_items_pk primary key (org_id, id),
    constraint inventory_items_sku_unique unique (org_id, shop_id, sku),
    constraint inventory_items_shop_fk foreign key (org_id, shop_id) references shops (org_id, id),
    constraint inventory_items_reserved_not_negative check (reserved >= 0),
    constraint inventory_items_reserved_covered check (reserved <= on_hand)
);
create index inventory_items_by_sku on inventory_items (org_id, sku, id);
create index inventory_items_by_category on inventory_items (org_id, category, id);

create table reservations (
    org_id blob not null,
    id blob not null,
    ticket_id blob not null,
    part_id blob not null,
    item_id blob not null,
    quantity integer not null constraint reservations_quantity_range check (quantity > 0),
    state text not null constraint reservations_state_known check (state in ('held', 'consumed', 'released')),
    plugin text,
    created_at text not null,
    ended_at text,
    constraint reservations_pk primary key (org_id, id),
    constraint reservations_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id),
    constraint reservations_item_fk foreign key (org_id, item_id) references inventory_items (org_id, id),
    constraint reservations_ended check ((state = 'held') = (ended_at is null))
);
create index reservations_by_ticket on reservations (org_id, ticket_id, state);
create index reservations_by_item on reservations (org_id, item_id, state);

-- Append-only.
create table stock_movements (
    org_id blob not null,
    id blob not null,
    item_id blob not null,
    delta integer not null,
    reason text not null,
    actor text not null,
    ticket_id blob,
    created_at text not null,
    constraint stock_movements_pk primary key (org_id, id),
    constraint stock_movements_item_fk foreign key (org_id, item_id) references inventory_items (org_id, id)
);
create index stock_movements_by_item on stock_movements (org_id, item_id, created_at, id);

-- The content-addressed store of components: shared by organizations, reached only through a plugin of one.
create table components (
    digest text not null constraint components_pk primary key,
    bytes blob not null,
    state text not null constraint components_state_known check (state in ('compiling', 'ready', 'failed')),
    error text,
    created_at text not null
);

create table plugins (
    org_id blob not null constraint plugins_org_fk references organizations (id),
    id blob not null,
    digest text not null constraint plugins_digest_fk references components (digest),
    name text not null,
    version text not null,
    description text not null,
    size_bytes integer not null,
    hooks text not null,
    permissions text not null,
    settings_schema text,
    created_at text not null,
    constraint plugins_pk primary key (org_id, id),
    constraint plugins_digest_unique unique (org_id, digest)
);

create table installations (
    org_id blob not null,
    id blob not null,
    plugin_id blob not null,
    settings text not null,
    grants text not null,
    limits text not null,
    shop_ids text,
    hooks text not null,
    created_at text not null,
    updated_at text not null,
    constraint installations_pk primary key (org_id, id),
    constraint installations_plugin_fk foreign key (org_id, plugin_id) references plugins (org_id, id)
);

-- The outbox: written in the transaction of what it tells.
create table events (
    org_id blob not null constraint events_org_fk references organizations (id),
    id blob not null,
    event text not null,
    data text not null,
    created_at text not null,
    constraint events_pk primary key (org_id, id)
);

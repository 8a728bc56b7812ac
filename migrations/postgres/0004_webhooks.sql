-- Webhook endpoints, what is to be delivered to them, and every attempt.

-- True from an event's commit until it was handed to the endpoints; false at once where there is none.
alter table events add column pending boolean not null default false;
create index events_pending on events (id) where pending;

create table webhook_endpoints (
    org_id uuid not null constraint webhook_endpoints_org_fk references organizations (id),
    id uuid not null,
    url text not null,
    description text,
    events jsonb not null,
    secret text not null,
    previous_secrets jsonb not null,
    enabled boolean not null,
    disabled_reason text,
    disabled_at timestamptz,
    failing_since timestamptz,
    last_delivery_at timestamptz,
    -- The one who delivers to it at present, and until when nobody else may.
    lease_id uuid,
    leased_until timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint webhook_endpoints_pk primary key (org_id, id),
    constraint webhook_endpoints_disabled_says_why check (enabled or (disabled_reason is not null and disabled_at is not null))
);

-- One event on its way to one endpoint.
create table webhook_deliveries (
    org_id uuid not null,
    id uuid not null,
    webhook_id uuid not null,
    event_id uuid not null,
    event text not null,
    origin text not null constraint webhook_deliveries_origin_known check (origin in ('event', 'replay', 'test')),
    state text not null constraint webhook_deliveries_state_known
        check (state in ('pending', 'delivered', 'failed', 'cancelled')),
    attempts bigint not null constraint webhook_deliveries_attempts_not_negative check (attempts >= 0),
    due_at timestamptz not null,
    last_status bigint,
    last_error text,
    ended_at timestamptz,
    created_at timestamptz not null,
    constraint webhook_deliveries_pk primary key (org_id, id),
    constraint webhook_deliveries_webhook_fk foreign key (org_id, webhook_id) references webhook_endpoints (org_id, id),
    constraint webhook_deliveries_event_fk foreign key (org_id, event_id) references events (org_id, id)
);
create index webhook_deliveries_due on webhook_deliveries (org_id, webhook_id, due_at, event_id) where state = 'pending';
create index webhook_deliveries_by_webhook on webhook_deliveries (org_id, webhook_id, created_at, id);
create index webhook_deliveries_by_event on webhook_deliveries (org_id, event_id);

create table webhook_attempts (
    org_id uuid not null,
    delivery_id uuid not null,
    number bigint not null,
    started_at timestamptz not null,
    duration_ms bigint not null,
    status bigint,
    body_excerpt text,
    error text,
    constraint webhook_attempts_pk primary key (org_id, delivery_id, number),
    constraint webhook_attempts_delivery_fk foreign key (org_id, delivery_id) references webhook_deliveries (org_id, id)
);

-- Webhook endpoints, what is to be delivered to them, and every attempt.

-- True from an event's commit until it was handed to the endpoints; false at once where there is none.
alter table events add column pending integer not null default 0;
create index events_pending on events (id) where pending;

create table webhook_endpoints (
    org_id blob not null constraint webhook_endpoints_org_fk references organizations (id),
    id blob not null,
    url text not null,
    description text,
    events text not null,
    secret text not null,
    previous_secrets text not null,
    enabled integer not null,
    disabled_reason text,
    disabled_at text,
    failing_since text,
    last_delivery_at text,
    -- The one who delivers to it at present, and until when nobody else may.
    lease_id blob,
    leased_until text,
    created_at text not null,
    updated_at text not null,
    constraint webhook_endpoints_pk primary key (org_id, id),
    constraint webhook_endpoints_disabled_says_why check (enabled or (disabled_reason is not null and disabled_at is not null))
);

-- One event on its way to one endpoint.
create table webhook_deliveries (
    org_id blob not null,
    id blob not null,
    webhook_id blob not null,
    event_id blob not null,
    event text not null,
    origin text not null constraint webhook_deliveries_origin_known check (origin in ('event', 'replay', 'test')),
    state text not null constraint webhook_deliveries_state_known
        check (state in ('pending', 'delivered', 'failed', 'cancelled')),
    attempts integer not null constraint webhook_deliveries_attempts_not_negative check (attempts >= 0),
    due_at text not null,
    last_status integer,
    last_error text,
    ended_at text,
    created_at text not null,
    constraint webhook_deliveries_pk primary key (org_id, id),
    constraint webhook_deliveries_webhook_fk foreign key (org_id, webhook_id) references webhook_endpoints (org_id, id),
    constraint webhook_deliveries_event_fk foreign key (org_id, event_id) references events (org_id, id)
);
create index webhook_deliveries_due on webhook_deliveries (org_id, webhook_id, due_at, event_id) where state = 'pending';
create index webhook_deliveries_by_webhook on webhook_deliveries (org_id, webhook_id, created_at, id);
create index webhook_deliveries_by_event on webhook_deliveries (org_id, event_id);

create table webhook_attempts (
    org_id blob not null,
    delivery_id blob not null,
    number integer not null,
    started_at text not null,
    duration_ms integer not null,
    status integer,
    body_excerpt text,
    error text,
    constraint webhook_attempts_pk primary key (org_id, delivery_id, number),
    constraint webhook_attempts_delivery_fk foreign key (org_id, delivery_id) references webhook_deliveries (org_id, id)
);

-- Writes that were asked for with an Idempotency-Key, and what was answered. Kept for a day.

create table idempotency_keys (
    org_id uuid not null,
    key_id uuid not null,
    -- SHA-256 of method, path and Idempotency-Key.
    address bytea not null,
    -- SHA-256 of query, content type and body.
    fingerprint bytea not null,
    -- The request that carries it out; another one may take its place when it is gone.
    claim_id uuid not null,
    lease_until timestamptz not null,
    -- Set in the transaction of what the request changed.
    committed_at timestamptz,
    answered_at timestamptz,
    status bigint,
    headers jsonb,
    -- Sealed with the API key's text, which the database does not have.
    body bytea,
    created_at timestamptz not null,
    constraint idempotency_keys_pk primary key (org_id, key_id, address),
    constraint idempotency_keys_key_fk foreign key (org_id, key_id) references api_keys (org_id, id)
);
create index idempotency_keys_by_created on idempotency_keys (created_at);

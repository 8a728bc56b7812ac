-- Writes that were asked for with an Idempotency-Key, and what was answered. Kept for a day.

create table idempotency_keys (
    org_id blob not null,
    key_id blob not null,
    -- SHA-256 of method, path and Idempotency-Key.
    address blob not null,
    -- SHA-256 of query, content type and body.
    fingerprint blob not null,
    -- The request that carries it out; another one may take its place when it is gone.
    claim_id blob not null,
    lease_until text not null,
    -- Set in the transaction of what the request changed.
    committed_at text,
    answered_at text,
    status integer,
    headers text,
    -- Sealed with the API key's text, which the database does not have.
    body blob,
    created_at text not null,
    constraint idempotency_keys_pk primary key (org_id, key_id, address),
    constraint idempotency_keys_key_fk foreign key (org_id, key_id) references api_keys (org_id, id)
);
create index idempotency_keys_by_created on idempotency_keys (created_at);

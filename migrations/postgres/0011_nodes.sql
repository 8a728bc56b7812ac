-- The nodes that serve this database, each with a count that grows while it lives.
create table nodes (
    id uuid not null constraint nodes_pk primary key,
    beat bigint not null,
    started_at timestamptz not null,
    seen_at timestamptz not null
);

-- The node that holds a lease: others release it when the node is dead. Null in what an older version wrote.
alter table idempotency_keys add column lease_node uuid;
alter table webhook_endpoints add column lease_node uuid;
alter table enrichments add column lease_node uuid;
alter table components add column lease_node uuid;

-- The default limit of an answer covers the largest that the WIT allows now: 256 KiB instead of 64.
update installations set limits = json_set(limits, '$.output_bytes', 262144) where limits ->> '$.output_bytes' = 65536;

-- The changes of a ticket's status are read with it, however many notes it has.
create index ticket_events_statuses on ticket_events (org_id, ticket_id, created_at, id)
    where kind in ('created', 'transitioned');

-- What waits, by organization: the work of each is found without reading that of the others.
create index events_pending_by_org on events (org_id, id) where pending;
create index enrichments_due_by_org on enrichments (org_id, due_at) where state = 'pending';

-- The tickets that nobody works on.
create index tickets_unassigned on tickets (org_id, created_at, id) where assigned_to is null;

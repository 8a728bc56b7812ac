-- Requests about plugins, and new stock, have hourly limits of their own. An older version never reads their rows.
alter table key_usage drop constraint key_usage_class_known;
alter table key_usage add constraint key_usage_class_known
    check (class in ('read', 'write', 'admin', 'plugins', 'stock'));
alter table organization_usage drop constraint organization_usage_class_known;
alter table organization_usage add constraint organization_usage_class_known
    check (class in ('read', 'write', 'admin', 'plugins', 'stock'));

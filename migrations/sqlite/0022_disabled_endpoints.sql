-- For the number of endpoints that were disabled because their receiver kept failing, which is read every few seconds.
create index webhook_endpoints_failed on webhook_endpoints (org_id) where disabled_at is not null and failing_since is not null;

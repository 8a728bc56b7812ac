-- What disables a webhook: one delivery whose attempts all failed, as the reference says, or only failure without any
-- success in between.
alter table webhook_endpoints add column disable_on text not null default 'failed_delivery'
    constraint webhook_endpoints_disable_on_known check (disable_on in ('failed_delivery', 'sustained_failure'));

-- The version of the WIT that a plugin's hooks have. Those of before are of the only one that there was.
alter table plugins add column wit text not null default '0.1.0';
-- Whether it checks its settings by itself.
alter table plugins add column checks_settings boolean not null default false;

-- Who may read the notes of a timeline entry: the people of the shop, or the customer too.
alter table ticket_events add column visibility text not null default 'internal'
    constraint ticket_events_visibility_known check (visibility in ('internal', 'customer'));

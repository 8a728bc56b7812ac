-- Grow with every change, for If-Match.
alter table customers add column version integer not null default 1;
alter table inventory_items add column version integer not null default 1;

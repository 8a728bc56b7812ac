-- Grow with every change, for If-Match.
alter table customers add column version bigint not null default 1;
alter table inventory_items add column version bigint not null default 1;

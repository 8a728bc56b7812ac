-- What lists cost: an index for each filter and sort, and how many rows there are, counted when they change.

-- `total` of a list without counting it. One row for each scope (the organization, a shop, a technician), status
-- ('' is any) and day of creation in UTC (days since 1970-01-01; -1000000 is any). The triggers below keep them, so
-- that no write can forget to. `slot` spreads writers on PostgreSQL; here it is 0.
create table counters (
    org_id blob not null,
    list text not null constraint counters_list_known check (list in ('tickets', 'customers', 'items')),
    scope blob not null,
    status text not null,
    day integer not null,
    slot integer not null,
    n integer not null,
    constraint counters_pk primary key (org_id, list, scope, status, day, slot)
) without rowid;

-- Which customers have a ticket in which shop.
create table customer_shops (
    org_id blob not null,
    shop_id blob not null,
    customer_id blob not null,
    customer_created_at text not null,
    constraint customer_shops_pk primary key (org_id, shop_id, customer_id)
) without rowid;
create index customer_shops_by_created on customer_shops (org_id, shop_id, customer_created_at, customer_id);

create index tickets_by_shop_status on tickets (org_id, shop_id, status, created_at, id);
create index tickets_by_assigned on tickets (org_id, assigned_to, created_at, id) where assigned_to is not null;
create index tickets_by_updated on tickets (org_id, updated_at, id);
create index customers_by_name on customers (org_id, name_key, id);
drop index inventory_items_by_category;
create index inventory_items_by_category on inventory_items (org_id, category, sku, id);
create index inventory_items_by_name on inventory_items (org_id, name, id);

-- What is there already.
insert into counters (org_id, list, scope, status, day, slot, n)
select org_id, 'tickets', scope, status, day, 0, sum(n) from (
    select org_id, org_id as scope, status, unixepoch(substr(created_at, 1, 10)) / 86400 as day, 1 as dated, 1 as n
    from tickets
    union all
    select org_id, shop_id, status, unixepoch(substr(created_at, 1, 10)) / 86400, 1, 1 from tickets
    union all
    select org_id, assigned_to, status, -1000000, 0, 1 from tickets where assigned_to is not null)
group by org_id, scope, status, day;
insert into counters (org_id, list, scope, status, day, slot, n)
select org_id, list, scope, '', day, 0, sum(n) from counters where list = 'tickets' group by org_id, list, scope, day;
insert into counters (org_id, list, scope, status, day, slot, n)
select org_id, list, scope, status, -1000000, 0, sum(n) from counters
where list = 'tickets' and day <> -1000000 group by org_id, list, scope, status;

insert into customer_shops (org_id, shop_id, customer_id, customer_created_at)
select distinct t.org_id, t.shop_id, t.customer_id, c.created_at
from tickets t join customers c on c.org_id = t.org_id and c.id = t.customer_id;
insert into counters (org_id, list, scope, status, day, slot, n)
select org_id, 'customers', scope, '', day, 0, count(*) from (
    select org_id, org_id as scope, unixepoch(substr(created_at, 1, 10)) / 86400 as day from customers
    union all
    select org_id, org_id, -1000000 from customers
    union all
    select org_id, shop_id, unixepoch(substr(customer_created_at, 1, 10)) / 86400 from customer_shops
    union all
    select org_id, shop_id, -1000000 from customer_shops)
group by org_id, scope, day;
insert into counters (org_id, list, scope, status, day, slot, n)
select org_id, 'items', scope, '', -1000000, 0, count(*) from (
    select org_id, org_id as scope from inventory_items
    union all
    select org_id, shop_id from inventory_items)
group by org_id, scope;

create trigger tickets_count_new after insert on tickets begin
    insert into counters (org_id, list, scope, status, day, slot, n)
    select new.org_id, 'tickets', r.scope, r.status, d.day, 0, 1
    from (select new.org_id as scope, '' as status, 1 as dated union all select new.org_id, new.status, 1
          union all select new.shop_id, '', 1 union all select new.shop_id, new.status, 1
          union all select new.assigned_to, '', 0 union all select new.assigned_to, new.status, 0) r
    join (select -1000000 as day, 0 as dated
          union all select unixepoch(substr(new.created_at, 1, 10)) / 86400, 1) d on d.dated <= r.dated
    where r.scope is not null
    on conflict (org_id, list, scope, status, day, slot) do update set n = n + excluded.n;
    insert into customer_shops (org_id, shop_id, customer_id, customer_created_at)
    select new.org_id, new.shop_id, id, created_at from customers where org_id = new.org_id and id = new.customer_id
    on conflict (org_id, shop_id, customer_id) do nothing;
end;

create trigger tickets_count_change after update of status, assigned_to on tickets
when old.status <> new.status or old.assigned_to is not new.assigned_to begin
    insert into counters (org_id, list, scope, status, day, slot, n)
    select new.org_id, 'tickets', r.scope, r.status, d.day, 0, sum(r.n)
    from (select new.org_id as scope, old.status as status, 1 as dated, -1 as n
          union all select new.shop_id, old.status, 1, -1
          union all select old.assigned_to, '', 0, -1 union all select old.assigned_to, old.status, 0, -1
          union all select new.org_id, new.status, 1, 1 union all select new.shop_id, new.status, 1, 1
          union all select new.assigned_to, '', 0, 1 union all select new.assigned_to, new.status, 0, 1) r
    join (select -1000000 as day, 0 as dated
          union all select unixepoch(substr(new.created_at, 1, 10)) / 86400, 1) d on d.dated <= r.dated
    where r.scope is not null
    group by r.scope, r.status, d.day having sum(r.n) <> 0
    on conflict (org_id, list, scope, status, day, slot) do update set n = n + excluded.n;
end;

create trigger tickets_count_customer after update of customer_id on tickets
when old.customer_id <> new.customer_id begin
    insert into customer_shops (org_id, shop_id, customer_id, customer_created_at)
    select new.org_id, new.shop_id, id, created_at from customers where org_id = new.org_id and id = new.customer_id
    on conflict (org_id, shop_id, customer_id) do nothing;
    delete from customer_shops where org_id = old.org_id and shop_id = old.shop_id and customer_id = old.customer_id
        and not exists (select 1 from tickets t where t.org_id = old.org_id and t.customer_id = old.customer_id
                        and t.shop_id = old.shop_id);
end;

create trigger customers_count_new after insert on customers begin
    insert into counters (org_id, list, scope, status, day, slot, n)
    values (new.org_id, 'customers', new.org_id, '', -1000000, 0, 1),
           (new.org_id, 'customers', new.org_id, '', unixepoch(substr(new.created_at, 1, 10)) / 86400, 0, 1)
    on conflict (org_id, list, scope, status, day, slot) do update set n = n + excluded.n;
end;

create trigger customers_count_gone after delete on customers begin
    insert into counters (org_id, list, scope, status, day, slot, n)
    values (old.org_id, 'customers', old.org_id, '', -1000000, 0, -1),
           (old.org_id, 'customers', old.org_id, '', unixepoch(substr(old.created_at, 1, 10)) / 86400, 0, -1)
    on conflict (org_id, list, scope, status, day, slot) do update set n = n + excluded.n;
end;

create trigger customer_shops_count_new after insert on customer_shops begin
    insert into counters (org_id, list, scope, status, day, slot, n)
    values (new.org_id, 'customers', new.shop_id, '', -1000000, 0, 1),
           (new.org_id, 'customers', new.shop_id, '', unixepoch(substr(new.customer_created_at, 1, 10)) / 86400, 0, 1)
    on conflict (org_id, list, scope, status, day, slot) do update set n = n + excluded.n;
end;

create trigger customer_shops_count_gone after delete on customer_shops begin
    insert into counters (org_id, list, scope, status, day, slot, n)
    values (old.org_id, 'customers', old.shop_id, '', -1000000, 0, -1),
           (old.org_id, 'customers', old.shop_id, '', unixepoch(substr(old.customer_created_at, 1, 10)) / 86400, 0, -1)
    on conflict (org_id, list, scope, status, day, slot) do update set n = n + excluded.n;
end;

create trigger inventory_items_count_new after insert on inventory_items begin
    insert into counters (org_id, list, scope, status, day, slot, n)
    values (new.org_id, 'items', new.org_id, '', -1000000, 0, 1),
           (new.org_id, 'items', new.shop_id, '', -1000000, 0, 1)
    on conflict (org_id, list, scope, status, day, slot) do update set n = n + excluded.n;
end;

-- Statistics of a large organization, so that the planner takes the index of the rarer value (a customer rather
-- than a status) without having counted. The first line makes the table of statistics.
analyze organizations;
delete from sqlite_stat1 where tbl in ('tickets', 'customers', 'customer_shops', 'inventory_items');
insert into sqlite_stat1 (tbl, idx, stat) values
    ('tickets', 'sqlite_autoindex_tickets_1', '1000000 1000000 1'),
    ('tickets', 'sqlite_autoindex_tickets_2', '1000000 1000000 1'),
    ('tickets', 'tickets_by_created', '1000000 1000000 1 1'),
    ('tickets', 'tickets_by_updated', '1000000 1000000 1 1'),
    ('tickets', 'tickets_by_status', '1000000 1000000 80000 1 1'),
    ('tickets', 'tickets_by_shop', '1000000 1000000 200000 1 1'),
    ('tickets', 'tickets_by_shop_status', '1000000 1000000 200000 16000 1 1'),
    ('tickets', 'tickets_by_assigned', '800000 800000 10000 1 1'),
    ('tickets', 'tickets_by_customer', '1000000 1000000 4 1 1'),
    ('customers', 'sqlite_autoindex_customers_1', '300000 300000 1'),
    ('customers', 'sqlite_autoindex_customers_2', '300000 300000 1'),
    ('customers', 'customers_by_created', '300000 300000 1 1'),
    ('customers', 'customers_by_name', '300000 300000 2 1'),
    ('customer_shops', 'customer_shops', '400000 400000 80000 1'),
    ('customer_shops', 'customer_shops_by_created', '400000 400000 80000 1 1'),
    ('inventory_items', 'sqlite_autoindex_inventory_items_1', '100000 100000 1'),
    ('inventory_items', 'sqlite_autoindex_inventory_items_2', '100000 100000 20000 1'),
    ('inventory_items', 'inventory_items_by_sku', '100000 100000 5 1'),
    ('inventory_items', 'inventory_items_by_category', '100000 100000 5000 5 1'),
    ('inventory_items', 'inventory_items_by_name', '100000 100000 5 1');
analyze sqlite_schema;

-- What lists cost: an index for each filter and sort, and how many rows there are, counted when they change.

-- `total` of a list without counting it. One row for each scope (the organization, a shop, a technician), status
-- ('' is any) and day of creation in UTC (days since 1970-01-01; -1000000 is any). The triggers below keep them, so
-- that no write can forget to. `slot` is one of four, by the id of what is counted, so that writers seldom meet.
create table counters (
    org_id uuid not null,
    list text collate "C" not null
        constraint counters_list_known check (list in ('tickets', 'customers', 'items')),
    scope uuid not null,
    status text collate "C" not null,
    day bigint not null,
    slot bigint not null,
    n bigint not null,
    constraint counters_pk primary key (org_id, list, scope, status, day, slot)
) with (fillfactor = 70);

-- Which customers have a ticket in which shop.
create table customer_shops (
    org_id uuid not null,
    shop_id uuid not null,
    customer_id uuid not null,
    customer_created_at timestamptz not null,
    constraint customer_shops_pk primary key (org_id, shop_id, customer_id)
);
create index customer_shops_by_created on customer_shops (org_id, shop_id, customer_created_at, customer_id);

-- Statuses sort alike on both databases.
alter table tickets alter column status type text collate "C";
create index tickets_by_shop_status on tickets (org_id, shop_id, status, created_at, id);
create index tickets_by_assigned on tickets (org_id, assigned_to, created_at, id) where assigned_to is not null;
create index tickets_by_updated on tickets (org_id, updated_at, id);
create index customers_by_name on customers (org_id, name_key, id);
drop index inventory_items_by_category;
create index inventory_items_by_category on inventory_items (org_id, category, sku, id);
create index inventory_items_by_name on inventory_items (org_id, name, id);

create function utc_day(moment timestamptz) returns bigint language sql immutable as
    $$ select ((moment at time zone 'UTC')::date - date '1970-01-01')::bigint $$;

-- What is there already.
insert into counters (org_id, list, scope, status, day, slot, n)
select org_id, 'tickets', scope, status, day, 0, count(*) from (
    select org_id, org_id as scope, status, utc_day(created_at) as day from tickets
    union all
    select org_id, shop_id, status, utc_day(created_at) from tickets
    union all
    select org_id, assigned_to, status, -1000000 from tickets where assigned_to is not null) r
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
    select org_id, org_id as scope, utc_day(created_at) as day from customers
    union all
    select org_id, org_id, -1000000 from customers
    union all
    select org_id, shop_id, utc_day(customer_created_at) from customer_shops
    union all
    select org_id, shop_id, -1000000 from customer_shops) r
group by org_id, scope, day;
insert into counters (org_id, list, scope, status, day, slot, n)
select org_id, 'items', scope, '', -1000000, 0, count(*) from (
    select org_id, org_id as scope from inventory_items
    union all
    select org_id, shop_id from inventory_items) r
group by org_id, scope;

create function counter_slot(id uuid) returns bigint language sql immutable as
    $$ select (get_byte(uuid_send(id), 15) & 3)::bigint $$;

-- Rows are always locked in the order of the key, and the triggers run at the commit, so that locks are short and no
-- two writers wait for each other.
create function count_ticket() returns trigger language plpgsql as $$
begin
    insert into counters (org_id, list, scope, status, day, slot, n)
    select new.org_id, 'tickets', r.column1, r.column2, d.column1, counter_slot(new.id), sum(r.column4)
    from (values (new.org_id, '', 1, 1), (new.org_id, new.status, 1, 1),
                 (new.shop_id, '', 1, 1), (new.shop_id, new.status, 1, 1),
                 (new.assigned_to, '', 0, 1), (new.assigned_to, new.status, 0, 1),
                 (old.org_id, '', 1, -1), (old.org_id, old.status, 1, -1),
                 (old.shop_id, '', 1, -1), (old.shop_id, old.status, 1, -1),
                 (old.assigned_to, '', 0, -1), (old.assigned_to, old.status, 0, -1)) r
    join (values (-1000000::bigint, 0), (utc_day(new.created_at), 1)) d on d.column2 <= r.column3
    where r.column1 is not null
    group by r.column1, r.column2, d.column1 having sum(r.column4) <> 0
    order by r.column1, r.column2 collate "C", d.column1
    on conflict (org_id, list, scope, status, day, slot) do update set n = counters.n + excluded.n;
    return null;
end $$;
create constraint trigger tickets_count_new after insert on tickets
    deferrable initially deferred for each row execute function count_ticket();
create constraint trigger tickets_count_change after update on tickets
    deferrable initially deferred for each row
    when (old.status <> new.status or old.assigned_to is distinct from new.assigned_to)
    execute function count_ticket();

create function count_customers(p_org uuid, p_scope uuid, p_customer uuid, p_created_at timestamptz, p_n bigint)
returns void language plpgsql as $$
begin
    insert into counters (org_id, list, scope, status, day, slot, n)
    values (p_org, 'customers', p_scope, '', -1000000, counter_slot(p_customer), p_n),
           (p_org, 'customers', p_scope, '', utc_day(p_created_at), counter_slot(p_customer), p_n)
    on conflict (org_id, list, scope, status, day, slot) do update set n = counters.n + excluded.n;
end $$;

create function count_customer() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        perform count_customers(new.org_id, new.org_id, new.id, new.created_at, 1);
    else
        perform count_customers(old.org_id, old.org_id, old.id, old.created_at, -1);
    end if;
    return null;
end $$;
create constraint trigger customers_count after insert or delete on customers
    deferrable initially deferred for each row execute function count_customer();

create function place_customer() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        -- Customers are merged one pair at a time, and the organization's counters come before the shops', as they
        -- do when a ticket is made.
        perform pg_advisory_xact_lock(hashtextextended(new.org_id::text, 5));
        perform count_customers(c.org_id, c.org_id, c.id, c.created_at, 0) from customers c
        where c.org_id = old.org_id and c.id = old.customer_id;
    end if;
    insert into customer_shops (org_id, shop_id, customer_id, customer_created_at)
    select new.org_id, new.shop_id, c.id, c.created_at from customers c
    where c.org_id = new.org_id and c.id = new.customer_id
    on conflict (org_id, shop_id, customer_id) do nothing;
    if tg_op = 'UPDATE' then
        delete from customer_shops
        where org_id = old.org_id and shop_id = old.shop_id and customer_id = old.customer_id
            and not exists (select 1 from tickets t where t.org_id = old.org_id and t.customer_id = old.customer_id
                            and t.shop_id = old.shop_id);
    end if;
    return null;
end $$;
create constraint trigger tickets_place_new after insert on tickets
    deferrable initially deferred for each row execute function place_customer();
create constraint trigger tickets_place_change after update on tickets
    deferrable initially deferred for each row when (old.customer_id <> new.customer_id)
    execute function place_customer();

create function count_customer_shop() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        perform count_customers(new.org_id, new.shop_id, new.customer_id, new.customer_created_at, 1);
    else
        perform count_customers(old.org_id, old.shop_id, old.customer_id, old.customer_created_at, -1);
    end if;
    return null;
end $$;
create constraint trigger customer_shops_count after insert or delete on customer_shops
    deferrable initially deferred for each row execute function count_customer_shop();

create function count_item() returns trigger language plpgsql as $$
begin
    insert into counters (org_id, list, scope, status, day, slot, n)
    select new.org_id, 'items', r.column1, '', -1000000, counter_slot(new.id), 1
    from (values (new.org_id), (new.shop_id)) r order by r.column1
    on conflict (org_id, list, scope, status, day, slot) do update set n = counters.n + excluded.n;
    return null;
end $$;
create constraint trigger inventory_items_count after insert on inventory_items
    deferrable initially deferred for each row execute function count_item();

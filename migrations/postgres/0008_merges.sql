-- Merged customers, and how many of an item there were after each movement.

-- Email addresses that lead to a customer besides their own one.
create table customer_aliases (
    org_id uuid not null,
    email_key text collate "C" not null,
    email text not null,
    customer_id uuid not null,
    constraint customer_aliases_pk primary key (org_id, email_key),
    constraint customer_aliases_customer_fk foreign key (org_id, customer_id) references customers (org_id, id)
);
create index customer_aliases_by_customer on customer_aliases (org_id, customer_id);

-- Who is gone, and whom they became.
create table merged_customers (
    org_id uuid not null,
    id uuid not null,
    merged_into uuid not null,
    actor text not null,
    merged_at timestamptz not null,
    constraint merged_customers_pk primary key (org_id, id),
    constraint merged_customers_into_fk foreign key (org_id, merged_into) references customers (org_id, id)
);
create index merged_customers_by_into on merged_customers (org_id, merged_into);

alter table stock_movements add column quantity_after bigint not null default 0;
update stock_movements set quantity_after = sums.quantity_after
from (select org_id, id, sum(delta) over (partition by org_id, item_id order by created_at, id) as quantity_after
      from stock_movements) as sums
where sums.org_id = stock_movements.org_id and sums.id = stock_movements.id;
alter table stock_movements alter column quantity_after drop default;

-- What tickets are found by: words of the number, the device and the contact's name, and tags; of the customer words of
-- the name, and the phone number. All folded by the program (case, accents), which SQL alone cannot.

create table ticket_terms (
    org_id uuid not null,
    kind text not null constraint ticket_terms_kind_known check (kind in ('word', 'tag')),
    term text collate "C" not null,
    ticket_id uuid not null,
    constraint ticket_terms_pk primary key (org_id, kind, term, ticket_id),
    constraint ticket_terms_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);
create index ticket_terms_by_ticket on ticket_terms (org_id, ticket_id);

-- A phone number is its digits from the last to the first, because its end is what all ways to write it share.
create table customer_terms (
    org_id uuid not null,
    kind text not null constraint customer_terms_kind_known check (kind in ('word', 'phone')),
    term text collate "C" not null,
    customer_id uuid not null,
    constraint customer_terms_pk primary key (org_id, kind, term, customer_id),
    constraint customer_terms_customer_fk foreign key (org_id, customer_id) references customers (org_id, id)
);
create index customer_terms_by_customer on customer_terms (org_id, customer_id);

-- Rows of before, and of nodes of the previous version, get their terms from a job.
alter table tickets add column has_terms boolean not null default false;
create index tickets_without_terms on tickets (org_id, id) where has_terms = false;
alter table customers add column has_terms boolean not null default false;
create index customers_without_terms on customers (org_id, id) where has_terms = false;

-- Payments, refunds and feedback of tickets; the timeline tells of them.

create table payments (
    org_id blob not null,
    id blob not null,
    ticket_id blob not null,
    kind text not null constraint payments_kind_known check (kind in ('payment', 'refund')),
    amount integer not null constraint payments_amount_range check (amount > 0),
    method text not null,
    reference text,
    actor text not null,
    paid_at text not null,
    created_at text not null,
    constraint payments_pk primary key (org_id, id),
    constraint payments_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);
create index payments_by_ticket on payments (org_id, ticket_id, created_at, id);

-- Payments less refunds; null when there never was one.
alter table tickets add column amount_paid integer constraint tickets_amount_paid_range check (amount_paid >= 0);

create table feedback (
    org_id blob not null,
    ticket_id blob not null,
    score integer not null constraint feedback_score_range check (score between 1 and 5),
    comment text,
    created_at text not null,
    constraint feedback_pk primary key (org_id, ticket_id),
    constraint feedback_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);

-- SQLite cannot change a check: the table is made anew.
create table ticket_events_new (
    org_id blob not null,
    id blob not null,
    ticket_id blob not null,
    kind text not null constraint ticket_events_kind_known
        check (kind in ('created', 'transitioned', 'note', 'payment', 'refund', 'feedback')),
    status text not null,
    from_status text,
    actor text not null,
    notes text,
    created_at text not null,
    constraint ticket_events_pk primary key (org_id, id),
    constraint ticket_events_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);
insert into ticket_events_new (org_id, id, ticket_id, kind, status, from_status, actor, notes, created_at)
select org_id, id, ticket_id, kind, status, from_status, actor, notes, created_at from ticket_events;
drop table ticket_events;
alter table ticket_events_new rename to ticket_events;
create index ticket_events_by_ticket on ticket_events (org_id, ticket_id, created_at, id);

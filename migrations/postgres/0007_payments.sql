-- Payments, refunds and feedback of tickets; the timeline tells of them.

create table payments (
    org_id uuid not null,
    id uuid not null,
    ticket_id uuid not null,
    kind text not null constraint payments_kind_known check (kind in ('payment', 'refund')),
    amount bigint not null constraint payments_amount_range check (amount > 0),
    method text not null,
    reference text,
    actor text not null,
    paid_at timestamptz not null,
    created_at timestamptz not null,
    constraint payments_pk primary key (org_id, id),
    constraint payments_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);
create index payments_by_ticket on payments (org_id, ticket_id, created_at, id);

-- Payments less refunds; null when there never was one.
alter table tickets add column amount_paid bigint constraint tickets_amount_paid_range check (amount_paid >= 0);

create table feedback (
    org_id uuid not null,
    ticket_id uuid not null,
    score bigint not null constraint feedback_score_range check (score between 1 and 5),
    comment text,
    created_at timestamptz not null,
    constraint feedback_pk primary key (org_id, ticket_id),
    constraint feedback_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);

alter table ticket_events drop constraint ticket_events_kind_known;
alter table ticket_events add constraint ticket_events_kind_known
    check (kind in ('created', 'transitioned', 'note', 'payment', 'refund', 'feedback'));

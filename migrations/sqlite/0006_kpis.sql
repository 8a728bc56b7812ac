-- Daily figures. A ticket that is picked up leaves one row of ticket_figures, on the day that it was in its shop then; a
-- row of kpi_days is the sum of those of one shop and day, kept in the same transaction. Money in cents.
create table ticket_figures (
    org_id blob not null,
    ticket_id blob not null,
    shop_id blob not null,
    day text not null,
    -- What an hour of the technician cost at pickup; null when nobody knows.
    hourly_cost integer,
    labor integer not null,
    parts integer not null,
    turnaround_ms integer not null,
    -- Of labor and parts, what has a known cost, and that cost.
    labor_costed integer not null,
    labor_cost integer not null,
    parts_costed integer not null,
    parts_cost integer not null,
    -- 0 or 1: was there a first review, and did it pass?
    reviewed integer not null,
    passed integer not null,
    constraint ticket_figures_pk primary key (org_id, ticket_id),
    constraint ticket_figures_ticket_fk foreign key (org_id, ticket_id) references tickets (org_id, id)
);

create table kpi_days (
    org_id blob not null,
    shop_id blob not null,
    day text not null,
    tickets integer not null,
    labor integer not null,
    parts integer not null,
    turnaround_ms integer not null,
    labor_costed integer not null,
    labor_cost integer not null,
    parts_costed integer not null,
    parts_cost integer not null,
    reviewed integer not null,
    passed integer not null,
    -- Of feedback, by the day that it was given.
    scores integer not null,
    score_sum integer not null,
    constraint kpi_days_pk primary key (org_id, shop_id, day)
) without rowid;
create index kpi_days_by_day on kpi_days (org_id, day);

-- Tickets that were picked up before there were figures: the next start works them off.
create table ticket_figures_missing (
    org_id blob not null,
    ticket_id blob not null,
    constraint ticket_figures_missing_pk primary key (org_id, ticket_id)
);
insert into ticket_figures_missing (org_id, ticket_id)
select org_id, id from tickets where picked_up_at is not null;

-- Whether a new ticket's customer may come without an email address. Such a customer's column `email` is empty, and
-- its key of comparison is its own id.
alter table organizations add column customers_without_email boolean not null default false;

-- Who brought the device, where the customer of that email address has another name.
alter table tickets add column contact_name text;

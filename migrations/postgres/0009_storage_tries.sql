-- Written and emptied again by a server that finds out whether there is room to write. Of no organization.

create table storage_tries (
    filler bytea not null
);

-- Not compressed, so that the filler takes the room that it is there to find.
alter table storage_tries alter column filler set storage external;

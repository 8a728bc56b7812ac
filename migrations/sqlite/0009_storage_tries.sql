-- Written and emptied again by a server that finds out whether there is room to write. Of no organization.

create table storage_tries (
    filler blob not null
);

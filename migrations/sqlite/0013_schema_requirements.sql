-- What a migration that does more than add demands: programs that do not know migration known_migration do not start on
-- this database, and are not ready if they run on it. Additive migrations write no row.
create table schema_requirements (
    migration integer not null constraint schema_requirements_pk primary key,
    known_migration integer not null,
    reason text not null
);

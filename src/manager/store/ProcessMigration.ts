const innodb = "/*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */"

/**
 * From one spec per service to revisions of it, of which each place may have another, with what is wanted kept apart. The
 * spec that was there is what every node has.
 */
export const processesOfTheirOwn: ReadonlyArray<string> = [
  `create table process (
    service_id       varchar(26)  not null primary key,
    revision         bigint       not null,
    pushed_revision  bigint       null,
    desired          varchar(8)   not null,
    constraint process_service_fk foreign key (service_id) references service (id),
    constraint process_desired_ck check (desired in ('running', 'stopped'))
  ) ${innodb}`,
  `create table process_revision (
    service_id  varchar(26)  not null,
    revision    bigint       not null,
    spec        longtext     not null,
    created_at  bigint       not null,
    created_by  varchar(64)  not null,
    constraint process_revision_pk primary key (service_id, revision),
    constraint process_revision_service_fk foreign key (service_id) references service (id)
  ) ${innodb}`,
  `create table process_place (
    service_id   varchar(26)   not null,
    ip           varchar(253)  not null,
    revision     bigint        null,
    desired      varchar(8)    null,
    modified_at  bigint        not null,
    modified_by  varchar(64)   not null,
    constraint process_place_pk primary key (service_id, ip),
    constraint process_place_service_fk foreign key (service_id) references service (id),
    constraint process_place_desired_ck check (desired in ('running', 'stopped'))
  ) ${innodb}`,
  // One engine gives the text of a JSON string, the other the string as JSON.
  `insert into process (service_id, revision, pushed_revision, desired)
    select service_id, revision, revision,
      case when json_extract(spec, '$.desired') in ('stopped', '"stopped"') then 'stopped' else 'running' end
    from process_spec`,
  `insert into process_revision (service_id, revision, spec, created_at, created_by)
    select service_id, revision, spec, modified_at, modified_by from process_spec`,
  "drop table process_spec",
]

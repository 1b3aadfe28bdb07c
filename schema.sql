-- The database of the manager, for SQLite and for MySQL or MariaDB alike: what stands in /*! ... */ is run by the latter
-- and is a comment to the former. Times are milliseconds since 1970, ids are ULIDs, names of people are kept as text so
-- that they outlive their user. Change it together with src/manager/store/Tables.ts and add a migration there.

create table schema_version (
  version     integer  not null primary key,
  applied_at  bigint   not null
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

-- Small single values, and counters that only grow (next revision of the trust list).
create table setting (
  name   varchar(64)  not null primary key,
  value  longtext     not null
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

-- Who may change what the cluster does: one row each, taken over when its time has passed. `epoch` grows with each
-- new holder.
create table lease (
  name      varchar(64)   not null primary key,
  holder    varchar(190)  not null,
  epoch     bigint        not null,
  until_at  bigint        not null
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

create table user (
  id                   varchar(26)   not null primary key,
  name                 varchar(64)   not null,
  password_hash        varchar(255)  not null,
  created_at           bigint        not null,
  password_changed_at  bigint        not null,
  constraint user_name_uk unique (name)
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

-- The browser keeps the id, the store only its hash: who reads the database can't take over a session.
create table session (
  id_hash     varchar(64)  not null primary key,
  user_id     varchar(26)  not null,
  created_at  bigint       not null,
  seen_at     bigint       not null,
  expires_at  bigint       not null,
  constraint session_user_fk foreign key (user_id) references user (id) on delete cascade
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

create index session_user on session (user_id);

create index session_expires on session (expires_at);

-- `last_revision` and `last_spec_revision` are the newest numbers ever given: they outlive a removed list or spec.
-- `live_name` makes the name unique among services that are not deleted: null is never a duplicate.
create table service (
  id                  varchar(26)  not null primary key,
  name                varchar(63)  not null,
  description         longtext     not null,
  tls                 varchar(8)   not null,
  kernel              boolean      not null,
  last_revision       bigint       not null,
  last_spec_revision  bigint       not null,
  created_at          bigint       not null,
  created_by          varchar(64)  not null,
  modified_at         bigint       not null,
  modified_by         varchar(64)  not null,
  deleted_at          bigint       null,
  deleted_by          varchar(64)  null,
  live_name           varchar(63)  as (case when deleted_at is null then name end) stored,
  constraint service_name_uk unique (live_name),
  constraint service_tls_ck check (tls in ('auto', 'on', 'off'))
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

-- One row per revision, and at most one draft, which has none: it began from the released `base_revision`.
-- `live_state` allows one draft and one released list per service.
create table endpoint_list (
  id               varchar(26)  not null primary key,
  service_id       varchar(26)  not null,
  revision         bigint       null,
  base_revision    bigint       null,
  state            varchar(16)  not null,
  tls              varchar(8)   not null,
  endpoints        longtext     not null,
  override_by      varchar(64)  null,
  override_reason  longtext     null,
  created_at       bigint       not null,
  created_by       varchar(64)  not null,
  released_at      bigint       null,
  released_by      varchar(64)  null,
  live_state       varchar(16)  as (case when state = 'superseded' then null else state end) stored,
  constraint endpoint_list_revision_uk unique (service_id, revision),
  constraint endpoint_list_state_uk unique (service_id, live_state),
  constraint endpoint_list_service_fk foreign key (service_id) references service (id),
  constraint endpoint_list_state_ck check (state in ('draft', 'released', 'superseded')),
  constraint endpoint_list_draft_ck check ((state = 'draft') = (revision is null))
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

-- A client of a service is an address: the node that has it may join later. `pushed_revision` is the newest revision
-- that was pushed to it: what it has to have, now or when it is back.
create table client (
  id               varchar(26)   not null primary key,
  service_id       varchar(26)   not null,
  ip               varchar(253)  not null,
  pushed_revision  bigint        null,
  created_at       bigint        not null,
  created_by       varchar(64)   not null,
  deleted_at       bigint        null,
  deleted_by       varchar(64)   null,
  live_ip         varchar(253)  as (case when deleted_at is null then ip end) stored,
  constraint client_ip_uk unique (service_id, live_ip),
  constraint client_service_fk foreign key (service_id) references service (id)
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

create index client_ip on client (ip);

create table node (
  id                  varchar(26)   not null primary key,
  name                varchar(63)   not null,
  ip                  varchar(253)  not null,
  port                integer       not null,
  certificate_serial  varchar(64)   not null,
  version             varchar(64)   null,
  joined_at           bigint        not null,
  last_seen_at        bigint        null,
  revoked_at          bigint        null,
  revoked_by          varchar(64)   null,
  forgotten_at        bigint        null,
  live_ip             varchar(253)  as (case when revoked_at is null then ip end) stored,
  constraint node_address_uk unique (live_ip, port)
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

-- What was last delivered to a client, by which node it was acked, and what went wrong since.
create table ack (
  client_id   varchar(26)  not null primary key,
  service_id  varchar(26)  not null,
  node_id     varchar(26)  not null,
  revision    bigint       null,
  acked_at    bigint       null,
  took_ms     double       null,
  error       longtext     null,
  error_at    bigint       null,
  constraint ack_client_fk foreign key (client_id) references client (id) on delete cascade,
  constraint ack_service_fk foreign key (service_id) references service (id),
  constraint ack_node_fk foreign key (node_id) references node (id)
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

create index ack_service on ack (service_id);

create index ack_node on ack (node_id);

-- How the processes of a service are run: the newest revision that was saved, the one that every node has to have that
-- no `process_place` names another for (null: none was pushed to all), and whether they are to run at all.
create table process (
  service_id       varchar(26)  not null primary key,
  revision         bigint       not null,
  pushed_revision  bigint       null,
  desired          varchar(8)   not null,
  constraint process_service_fk foreign key (service_id) references service (id),
  constraint process_desired_ck check (desired in ('running', 'stopped'))
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

-- Each spec that was saved. `spec` is JSON without the service's name, which may change; what it says of `desired` counts
-- for nothing.
create table process_revision (
  service_id  varchar(26)  not null,
  revision    bigint       not null,
  spec        longtext     not null,
  created_at  bigint       not null,
  created_by  varchar(64)  not null,
  constraint process_revision_pk primary key (service_id, revision),
  constraint process_revision_service_fk foreign key (service_id) references service (id)
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

-- What is otherwise at one address: the revision that was pushed to it alone, and whether it is to run there.
create table process_place (
  service_id   varchar(26)   not null,
  ip           varchar(253)  not null,
  revision     bigint        null,
  desired      varchar(8)    null,
  modified_at  bigint        not null,
  modified_by  varchar(64)   not null,
  constraint process_place_pk primary key (service_id, ip),
  constraint process_place_service_fk foreign key (service_id) references service (id),
  constraint process_place_desired_ck check (desired in ('running', 'stopped'))
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

-- The revision of all that a node has to run: a new one whenever its digest is another.
create table node_assignment (
  node_id   varchar(26)  not null primary key,
  revision  bigint       not null,
  digest    varchar(64)  not null,
  constraint node_assignment_node_fk foreign key (node_id) references node (id) on delete cascade
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

-- Tasks that run again and again on the node with the address `ip`. `task` is JSON without id, name and enabled. `held_by`:
-- the node that may run it, from before it is sent until that node has acked a set without it, so that no two have it;
-- `held_revision`: what stands on that node. `last_run` is JSON of the newest run that was told.
create table cron_task (
  id             varchar(26)   not null primary key,
  name           varchar(63)   not null,
  ip             varchar(253)  not null,
  enabled        boolean       not null,
  task           longtext      not null,
  revision       bigint        not null,
  held_by        varchar(26)   null,
  held_revision  bigint        null,
  last_run       longtext      null,
  created_at     bigint        not null,
  created_by     varchar(64)   not null,
  modified_at    bigint        not null,
  modified_by    varchar(64)   not null,
  deleted_at     bigint        null,
  deleted_by     varchar(64)   null,
  live_name      varchar(63)   as (case when deleted_at is null then name end) stored,
  constraint cron_task_name_uk unique (live_name),
  constraint cron_task_node_fk foreign key (held_by) references node (id)
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

create index cron_task_ip on cron_task (ip);

create index cron_task_held on cron_task (held_by);

-- The revision of a node's whole set of cron tasks: a new one whenever its digest is another; and how far the node's
-- history was read.
create table node_cron (
  node_id         varchar(26)  not null primary key,
  revision        bigint       not null,
  digest          varchar(64)  not null,
  history_cursor  longtext     not null,
  constraint node_cron_node_fk foreign key (node_id) references node (id) on delete cascade
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

-- Runs that have ended, as their nodes told them; `began_at` is when it was due if it never began. `run` is JSON.
create table cron_run (
  task_id   varchar(26)  not null,
  id        varchar(64)  not null,
  node_id   varchar(26)  not null,
  began_at  bigint       not null,
  run       longtext     not null,
  constraint cron_run_pk primary key (task_id, id),
  constraint cron_run_task_fk foreign key (task_id) references cron_task (id),
  constraint cron_run_node_fk foreign key (node_id) references node (id)
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

create index cron_run_began on cron_run (task_id, began_at);

create table join_token (
  id            varchar(26)  not null primary key,
  secret_hash   varchar(64)  not null,
  kind          varchar(8)   not null,
  created_at    bigint       not null,
  created_by    varchar(64)  not null,
  expires_at    bigint       not null,
  used_at       bigint       null,
  used_by_node  varchar(26)  null,
  revoked_at    bigint       null,
  constraint join_token_node_fk foreign key (used_by_node) references node (id),
  constraint join_token_kind_ck check (kind in ('once', 'many'))
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

create index join_token_node on join_token (used_by_node);

-- Who did what to what, and when. `detail` is JSON.
create table audit (
  id      varchar(26)   not null primary key,
  at      bigint        not null,
  who     varchar(64)   not null,
  what    varchar(64)   not null,
  object  varchar(190)  not null,
  detail  longtext      not null
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */;

create index audit_at on audit (at);

create index audit_object on audit (object, at);

insert into lease (name, holder, epoch, until_at) values ('manager', '', 0, 0);

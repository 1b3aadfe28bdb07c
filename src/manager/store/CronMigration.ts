/** Tasks that run again and again on nodes, and their history. */
export const cronTables: ReadonlyArray<string> = [
  `create table cron_task (
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
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */`,
  `create index cron_task_ip on cron_task (ip)`,
  `create index cron_task_held on cron_task (held_by)`,
  `create table node_cron (
  node_id         varchar(26)  not null primary key,
  revision        bigint       not null,
  digest          varchar(64)  not null,
  history_cursor  longtext     not null,
  constraint node_cron_node_fk foreign key (node_id) references node (id) on delete cascade
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */`,
  `create table cron_run (
  task_id   varchar(26)  not null,
  id        varchar(64)  not null,
  node_id   varchar(26)  not null,
  began_at  bigint       not null,
  run       longtext     not null,
  constraint cron_run_pk primary key (task_id, id),
  constraint cron_run_task_fk foreign key (task_id) references cron_task (id),
  constraint cron_run_node_fk foreign key (node_id) references node (id)
) /*! engine=innodb default charset=utf8mb4 collate=utf8mb4_bin */`,
  `create index cron_run_began on cron_run (task_id, began_at)`,
]

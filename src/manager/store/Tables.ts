import type { GeneratedAlways } from "kysely"

/** The columns of schema.sql, by table. A test compares the two on both engines. Booleans are 0 or 1. */
export type Tables = {
  readonly schema_version: { version: number; applied_at: number }
  readonly setting: { name: string; value: string }
  readonly lease: { name: string; holder: string; epoch: number; until_at: number }
  readonly user: {
    id: string
    name: string
    password_hash: string
    created_at: number
    password_changed_at: number
  }
  readonly session: { id_hash: string; user_id: string; created_at: number; seen_at: number; expires_at: number }
  readonly service: {
    id: string
    name: string
    description: string
    tls: string
    kernel: number
    last_revision: number
    last_spec_revision: number
    created_at: number
    created_by: string
    modified_at: number
    modified_by: string
    deleted_at: number | null
    deleted_by: string | null
    live_name: GeneratedAlways<string | null>
  }
  readonly endpoint_list: {
    id: string
    service_id: string
    revision: number | null
    base_revision: number | null
    state: "draft" | "released" | "superseded"
    tls: string
    endpoints: string
    override_by: string | null
    override_reason: string | null
    created_at: number
    created_by: string
    released_at: number | null
    released_by: string | null
    live_state: GeneratedAlways<string | null>
  }
  readonly client: {
    id: string
    service_id: string
    ip: string
    pushed_revision: number | null
    created_at: number
    created_by: string
    deleted_at: number | null
    deleted_by: string | null
    live_ip: GeneratedAlways<string | null>
  }
  readonly node: {
    id: string
    name: string
    ip: string
    port: number
    certificate_serial: string
    version: string | null
    joined_at: number
    last_seen_at: number | null
    revoked_at: number | null
    revoked_by: string | null
    forgotten_at: number | null
    live_ip: GeneratedAlways<string | null>
  }
  readonly ack: {
    client_id: string
    service_id: string
    node_id: string
    revision: number | null
    acked_at: number | null
    took_ms: number | null
    error: string | null
    error_at: number | null
  }
  readonly process: {
    service_id: string
    revision: number
    pushed_revision: number | null
    desired: "running" | "stopped"
  }
  readonly process_revision: {
    service_id: string
    revision: number
    spec: string
    created_at: number
    created_by: string
  }
  readonly process_place: {
    service_id: string
    ip: string
    revision: number | null
    desired: "running" | "stopped" | null
    modified_at: number
    modified_by: string
  }
  readonly node_assignment: { node_id: string; revision: number; digest: string }
  readonly cron_task: {
    id: string
    name: string
    ip: string
    enabled: number
    task: string
    revision: number
    held_by: string | null
    held_revision: number | null
    last_run: string | null
    created_at: number
    created_by: string
    modified_at: number
    modified_by: string
    deleted_at: number | null
    deleted_by: string | null
    live_name: GeneratedAlways<string | null>
  }
  readonly node_cron: { node_id: string; revision: number; digest: string; history_cursor: string }
  readonly cron_run: { task_id: string; id: string; node_id: string; began_at: number; run: string }
  readonly join_token: {
    id: string
    secret_hash: string
    kind: string
    created_at: number
    created_by: string
    expires_at: number
    used_at: number | null
    used_by_node: string | null
    revoked_at: number | null
  }
  readonly audit: { id: string; at: number; who: string; what: string; object: string; detail: string }
}

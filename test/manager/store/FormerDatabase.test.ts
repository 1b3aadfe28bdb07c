import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Effect, ManagedRuntime, Redacted } from "effect"
import { Kysely, sql } from "kysely"
import { type SchemaHistory, migrate } from "../../../src/manager/store/Migrations.ts"
import { ProcessSpecsRepo } from "../../../src/manager/store/ProcessSpecsRepo.ts"
import { storeLayer } from "../../../src/manager/store/Store.ts"
import type { Tables } from "../../../src/manager/store/Tables.ts"
import { mysqlDialect } from "../../../src/platform/Mysql.ts"
import { sqliteDialect } from "../../../src/platform/Sqlite.ts"
import { engines, removeFresh, startMs } from "./engines.ts"
import former from "./fixtures/schema-1.sql" with { type: "text" }

const version1: SchemaHistory = { version: 1, whole: former, migrations: [] }

/** A description of a database's tables that is the same however they came about. */
const shapeOf = async (db: Kysely<Tables>) =>
  (await db.introspection.getTables())
    .map(({ columns, name }) => ({
      name,
      columns: columns.map(({ dataType, isNullable, name }) => `${name} ${dataType} ${isNullable}`).toSorted(),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))

const specOf = (desired: string) =>
  JSON.stringify({
    kind: "module",
    module: "/srv/a.ts",
    workers: 2,
    env: { desired: "stopped" },
    tls: "auto",
    desired,
    drainTimeoutMs: 30_000,
    rpc: {},
  })

afterAll(removeFresh)

describe.each(engines)("a database of schema version 1 on $name", ({ fresh }) => {
  let target: Awaited<ReturnType<typeof fresh>>
  let db: Kysely<Tables>
  let anew: Kysely<Tables>
  const opened = (one: typeof target) =>
    new Kysely<Tables>({
      dialect: one.engine === "sqlite" ? sqliteDialect(one.path) : mysqlDialect(Redacted.value(one.url)),
    })
  beforeAll(async () => {
    target = await fresh()
    db = opened(target)
    anew = opened(await fresh())
  }, startMs)
  afterAll(async () => {
    await db.destroy()
    await anew.destroy()
  })

  test("comes to the newest schema with all process specs, and with what was wanted of them", async () => {
    await migrate(db, target.engine, version1)
    for (const [id, desired] of [
      ["a", "running"],
      ["b", "stopped"],
    ] as const) {
      await sql`insert into service (id, name, description, tls, kernel, last_revision, last_spec_revision, created_at,
        created_by, modified_at, modified_by) values (${id}, ${id}, '', 'auto', 0, 0, 3, 0, 'ann', 0, 'ann')`.execute(
        db,
      )
      await sql`insert into process_spec (service_id, revision, spec, modified_at, modified_by)
        values (${id}, 3, ${specOf(desired)}, 7, 'ann')`.execute(db)
    }
    await migrate(db, target.engine)
    await migrate(anew, target.engine)
    expect(await shapeOf(db)).toEqual(await shapeOf(anew))
    const runtime = ManagedRuntime.make(storeLayer(target))
    try {
      const all = await runtime.runPromise(Effect.flatMap(ProcessSpecsRepo, (specs) => specs.all))
      expect(all.toSorted((one, other) => (one.serviceId < other.serviceId ? -1 : 1))).toMatchObject([
        {
          serviceId: "a",
          revision: 3,
          pushed: 3,
          desired: "running",
          modifiedAt: 7,
          spec: { service: "a", workers: 2 },
        },
        { serviceId: "b", revision: 3, pushed: 3, desired: "stopped", spec: { desired: "stopped" } },
      ])
    } finally {
      await runtime.dispose()
    }
  })
})

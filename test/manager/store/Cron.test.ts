import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Effect, type Layer, ManagedRuntime } from "effect"
import { sql } from "kysely"
import { CronRunsRepo } from "../../../src/manager/store/CronRunsRepo.ts"
import { CronTasksRepo } from "../../../src/manager/store/CronTasksRepo.ts"
import { Database } from "../../../src/manager/store/Database.ts"
import { cronTables } from "../../../src/manager/store/CronMigration.ts"
import { NodesRepo } from "../../../src/manager/store/NodesRepo.ts"
import { storeLayer } from "../../../src/manager/store/Store.ts"
import { newId } from "../../../src/platform/Ids.ts"
import { cronFields, cronRun } from "../../support/cron.ts"
import { engines, removeFresh, startMs } from "./engines.ts"

type Store = Layer.Success<ReturnType<typeof storeLayer>>

afterAll(removeFresh)

describe.each(engines)("cron tasks on $name", ({ fresh }) => {
  let runtime: ManagedRuntime.ManagedRuntime<Store, unknown>
  beforeAll(async () => void (runtime = ManagedRuntime.make(storeLayer(await fresh()))), startMs)
  afterAll(() => runtime.dispose())

  const it = <E>(name: string, effect: Effect.Effect<void, E, Store>) => test(name, () => runtime.runPromise(effect))

  let nodes = 0
  const join = Effect.fnUntraced(function* () {
    const ip = `10.9.0.${++nodes}`
    const node = { id: newId(), name: `n${nodes}`, ip, port: 8821, certificateSerial: ip, version: null }
    return yield* (yield* NodesRepo).add(node)
  })
  const create = Effect.fnUntraced(function* (name: string, ip: string, rest: Parameters<typeof cronFields>[1] = {}) {
    return yield* (yield* CronTasksRepo).create({ ...cronFields(name, rest), ip }, "ann")
  })

  it(
    "are kept as they were given, one of a name, each change a new revision",
    Effect.gen(function* () {
      const repo = yield* CronTasksRepo
      const action = {
        kind: "method" as const,
        service: "orders" as never,
        method: "Orders.expire",
        args: ["日本語", 7, null],
      }
      const made = yield* create("report", "10.9.1.1", { action })
      expect(made).toMatchObject({
        ip: "10.9.1.1",
        revision: 1,
        heldBy: null,
        last: null,
        createdBy: "ann",
        task: { ...cronFields("report", { action }), id: made.id },
      })
      expect(yield* repo.byName("report")).toEqual(made)
      expect(yield* Effect.flip(create("report", "10.9.1.2"))).toMatchObject({ _tag: "Conflict", field: "name" })
      const fields = { ...cronFields("report", { enabled: false }), ip: "10.9.1.3" }
      const after = yield* repo.update(made.id, fields, "bob")
      expect(after).toMatchObject({ revision: 2, ip: "10.9.1.3", modifiedBy: "bob", task: { enabled: false } })
      yield* repo.remove(made.id, "bob")
      expect((yield* Effect.flip(repo.get(made.id)))._tag).toBe("NotFound")
      const second = yield* create("report", "10.9.1.1")
      expect((yield* Effect.flip(repo.restore(made.id)))._tag).toBe("Conflict")
      yield* repo.remove(second.id, "bob")
      expect(yield* repo.restore(made.id)).toMatchObject({ revision: 2, task: { name: "report" } })
    }),
  )

  it(
    "are held by one node at a time, until that has acked a set without them",
    Effect.gen(function* () {
      const repo = yield* CronTasksRepo
      const [a, b] = [yield* join(), yield* join()]
      const one = yield* create("held", a.ip)
      const two = yield* create("held-too", a.ip)
      expect(yield* repo.claim(one.id, a.id, null)).toBe(true)
      expect(yield* repo.claim(one.id, b.id, null)).toBe(false)
      expect(yield* repo.claim(two.id, a.id, null)).toBe(true)
      expect(yield* repo.acked(a.id, new Map([one, two].map(({ id, revision }) => [id, revision])))).toEqual([])
      expect(yield* repo.get(one.id)).toMatchObject({ heldBy: a.id, heldRevision: 1 })
      yield* repo.update(one.id, { ...cronFields("held"), ip: b.ip }, "ann")
      expect((yield* repo.concerning(b.id, b.ip)).map(({ id }) => id)).toEqual([one.id])
      expect((yield* repo.concerning(a.id, a.ip)).map(({ id }) => id)).toEqual([one.id, two.id])
      const freed = yield* repo.acked(a.id, new Map([[two.id, 1]]))
      expect(freed.map(({ id }) => id)).toEqual([one.id])
      expect(yield* repo.claim(one.id, b.id, null)).toBe(true)
      yield* repo.release(one.id)
      expect(yield* repo.get(one.id)).toMatchObject({ heldBy: null, heldRevision: null })
    }),
  )

  it(
    "have a revision of the set of each node that only grows, also over what the node has",
    Effect.gen(function* () {
      const repo = yield* CronRunsRepo
      const { id } = yield* join()
      expect(yield* repo.assignment(id, "a", 0)).toBe(1)
      expect(yield* repo.assignment(id, "a", 1)).toBe(1)
      expect(yield* repo.assignment(id, "b", 1)).toBe(2)
      expect(yield* repo.assignment(id, "a", 2)).toBe(3)
      expect(yield* repo.assignment(id, "a", 9)).toBe(10)
    }),
  )

  it(
    "have a history that is filled in once, in pages, within its bounds",
    Effect.gen(function* () {
      const repo = yield* CronRunsRepo
      const tasks = yield* CronTasksRepo
      const node = yield* join()
      const { id } = yield* create("history", node.ip)
      expect(yield* repo.cursor(node.id)).toBe("")
      const now = Date.now()
      const runs = Array.from({ length: 450 }, (_, at) =>
        cronRun(id, `r${String(at).padStart(3, "0")}`, { startedAt: now - 1_000_000 + Math.floor(at / 2) * 10 }),
      )
      expect(yield* repo.record(node.id, [...runs, cronRun("unknown", "x"), runs[449]!], "c1")).toEqual([id])
      expect(yield* repo.record(node.id, runs.slice(440), "c2")).toEqual([id])
      expect(yield* repo.cursor(node.id)).toBe("c2")
      expect((yield* tasks.get(id)).last?.id).toMatch(/^r44[89]$/)
      const seen: Array<string> = []
      for (let before: string | undefined; ; before = seen.at(-1)) {
        const page = yield* repo.page(id, 100, before)
        expect(page.total).toBe(450)
        if (page.runs.length === 0) break
        seen.push(...page.runs.map(({ run }) => run.id))
      }
      expect(seen).toEqual(runs.map((run) => run.id).toReversed())
      expect(yield* repo.get(id, "r007")).toEqual({ nodeId: node.id, run: runs[7]! })
      yield* repo.prune({ taskId: id, keepRuns: 10, keepMs: 86_400_000 })
      expect((yield* repo.page(id, 100, undefined)).total).toBe(10)
      yield* repo.prune({ taskId: id, keepRuns: 10, keepMs: 1 })
      expect((yield* repo.page(id, 100, undefined)).total).toBe(0)
      yield* repo.record(node.id, runs.slice(0, 3), "c3")
      yield* tasks.remove(id, "ann")
      yield* repo.forget(0)
      expect(yield* repo.get(id, "r001")).toBeDefined()
      yield* repo.forget(Date.now() + 1_000)
      expect(yield* repo.get(id, "r001")).toBeUndefined()
    }),
  )

  it(
    "come to an older database with the same tables as to a new one",
    Effect.gen(function* () {
      const database = yield* Database
      const tables = database.run(async (db) =>
        (await db.introspection.getTables())
          .filter(({ name }) => ["cron_task", "node_cron", "cron_run"].includes(name))
          .map(({ columns, name }) => ({ name, columns })),
      )
      const before = yield* tables
      expect(before.length).toBe(3)
      yield* database.run(async (db) => {
        for (const name of ["cron_run", "node_cron", "cron_task"]) await sql`drop table ${sql.table(name)}`.execute(db)
        for (const statement of cronTables) await sql.raw(statement).execute(db)
      })
      expect(yield* tables).toEqual(before)
    }),
  )
})

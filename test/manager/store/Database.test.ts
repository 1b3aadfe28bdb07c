import { currentSchema } from "../../../src/manager/store/Migrations.ts"
import { writeFileSync } from "node:fs"
import { type AddressInfo, connect, createServer } from "node:net"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Deferred, Effect, Exit, Fiber, type Layer, ManagedRuntime, Redacted } from "effect"
import { sql } from "kysely"
import { Database, type DatabaseTarget, databaseTarget } from "../../../src/manager/store/Database.ts"
import { ListsRepo } from "../../../src/manager/store/ListsRepo.ts"
import { ServicesRepo } from "../../../src/manager/store/ServicesRepo.ts"
import { SettingsRepo } from "../../../src/manager/store/SettingsRepo.ts"
import { storeLayer } from "../../../src/manager/store/Store.ts"
import { denoPath } from "../../support/executable.ts"
import { mariadb } from "../../support/mariadb.ts"
import { engines, freshSqlite, removeFresh, startMs } from "./engines.ts"

type Store = Layer.Success<ReturnType<typeof storeLayer>>

const refusal = (target: DatabaseTarget) =>
  Effect.runPromise(
    Effect.flip(Effect.provide(Database, Database.layer(target))).pipe(Effect.map((error) => error.message)),
  )

afterAll(removeFresh)

describe.each(engines)("a database on $name", ({ fresh }) => {
  let target: DatabaseTarget
  let runtime: ManagedRuntime.ManagedRuntime<Store, unknown>
  const run = <A, E>(effect: Effect.Effect<A, E, Store>) => runtime.runPromise(effect)

  beforeAll(async () => {
    target = await fresh()
    runtime = ManagedRuntime.make(storeLayer(target))
  }, startMs)
  afterAll(() => runtime.dispose())

  const set = (name: string) => Effect.flatMap(SettingsRepo, (settings) => settings.set(name, "x"))
  const get = (name: string) => Effect.flatMap(SettingsRepo, (settings) => settings.get(name))
  const inTransaction = <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.flatMap(Database, (database) => database.transaction(self))

  test("keeps all of a transaction, nested ones too", async () => {
    await run(inTransaction(Effect.andThen(set("outer"), inTransaction(set("inner")))))
    expect(await run(Effect.all([get("outer"), get("inner")]))).toEqual(["x", "x"])
  })

  test("keeps nothing of a transaction that fails, dies, or whose outer one fails", async () => {
    const failed = await run(Effect.exit(inTransaction(Effect.andThen(set("failed"), Effect.fail("no")))))
    const died = await run(Effect.exit(inTransaction(Effect.andThen(set("died"), Effect.die("no")))))
    await run(Effect.exit(inTransaction(Effect.andThen(inTransaction(set("nested")), Effect.fail("no")))))
    expect([failed, died].map(Exit.isFailure)).toEqual([true, true])
    expect(await run(Effect.all([get("failed"), get("died"), get("nested")]))).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  test("keeps nothing of a transaction that is interrupted, and goes on working", async () => {
    const interrupted = Effect.gen(function* () {
      const written = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        inTransaction(
          set("interrupted").pipe(Effect.andThen(Deferred.succeed(written, undefined)), Effect.andThen(Effect.never)),
        ),
      )
      yield* Deferred.await(written)
      yield* Fiber.interrupt(fiber)
      return yield* get("interrupted")
    })
    expect(await run(interrupted)).toBeUndefined()
    await run(set("after"))
    expect(await run(get("after"))).toBe("x")
  })

  test("tells a taken key from a broken query", async () => {
    const kind = (text: "unique" | "syntax") =>
      run(
        Effect.flatMap(Database, (database) =>
          Effect.flip(
            database.query(async (db) => {
              if (text === "unique") {
                await db.insertInto("setting").values({ name: "twice", value: "1" }).execute()
                await db.insertInto("setting").values({ name: "twice", value: "2" }).execute()
              } else
                await db
                  .selectFrom("setting")
                  .select("nothing" as "name")
                  .execute()
            }),
          ),
        ).pipe(Effect.map((error) => error.kind)),
      )
    expect(await kind("unique")).toBe("conflict")
    expect(await kind("syntax")).toBe("query")
  })

  test("gives each of many concurrent releases its own revision, without a gap", async () => {
    const revisions = await run(
      Effect.gen(function* () {
        const lists = yield* ListsRepo
        const services = yield* ServicesRepo
        const { id } = yield* services.byName("node_manager")
        const release = lists.release(id, { endpoints: [], tls: "on", by: "me" })
        return yield* Effect.all(
          Array.from({ length: 20 }, () => Effect.map(release, (list) => list.revision)),
          { concurrency: "unbounded" },
        )
      }),
    )
    expect(revisions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
  })

  test("counts without giving a number twice", async () => {
    const numbers = await run(
      Effect.flatMap(SettingsRepo, (settings) =>
        Effect.all(
          Array.from({ length: 10 }, () => settings.next("counter")),
          { concurrency: "unbounded" },
        ),
      ),
    )
    expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  test("shares its revisions with a second manager on the same database", async () => {
    const second = ManagedRuntime.make(storeLayer(target))
    const release = Effect.gen(function* () {
      const { id } = yield* (yield* ServicesRepo).byName("node_manager")
      return (yield* (yield* ListsRepo).release(id, { endpoints: [], tls: "on", by: "me" })).revision
    })
    const before = await run(release)
    const both = await Promise.all(
      [runtime, second].map((runtime) => runtime.runPromise(Effect.all(Array.from({ length: 10 }, () => release)))),
    )
    await second.dispose()
    expect(both.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => before + 1 + index))
  })

  test("refuses one that a newer program has used", async () => {
    const target = await fresh()
    const stamp = Effect.flatMap(Database, (database) =>
      database.run((db) => db.insertInto("schema_version").values({ version: 99, applied_at: 0 }).execute()),
    )
    await Effect.runPromise(Effect.provide(stamp, Database.layer(target)))
    expect(await refusal(target)).toContain(
      `schema version 99, this program knows versions up to ${currentSchema.version}: a newer muster`,
    )
  })
})

describe("two processes", () => {
  const script = fileURLToPath(new URL("releaser.ts", import.meta.url))
  const onBun = [process.execPath, script]
  const release = async (command: ReadonlyArray<string>, database: string, times: number) => {
    const child = Bun.spawn([...command, database, String(times)], { stdout: "pipe", stderr: "inherit" })
    const text = await new Response(child.stdout).text()
    expect(await child.exited).toBe(0)
    return JSON.parse(text) as ReadonlyArray<number>
  }
  const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

  test(
    "write to one SQLite file at the same time",
    async () => {
      const path = freshSqlite()
      await Effect.runPromise(Effect.provide(Effect.asVoid(Database), storeLayer({ engine: "sqlite", path })))
      const revisions = await Promise.all([release(onBun, path, 40), release(onBun, path, 40)])
      expect(revisions.flat().toSorted((a, b) => a - b)).toEqual(upTo(80))
    },
    startMs,
  )

  test("open an SQLite file, and write to it, while another writes for longer than a statement waits", async () => {
    const target = { engine: "sqlite", path: freshSqlite() } as const
    const opened = () => ManagedRuntime.make(storeLayer(target))
    const set = Effect.flatMap(SettingsRepo, (settings) => settings.set("a", "1"))
    const first = opened()
    await first.runPromise(set)
    const other = new DatabaseSync(target.path)
    const whileOtherWrites = async (work: () => Promise<unknown>) => {
      other.exec("begin immediate")
      const freed = Bun.sleep(400).then(() => other.exec("commit"))
      await work()
      await freed
    }
    await whileOtherWrites(() => first.runPromise(set))
    const second = opened()
    await whileOtherWrites(() => second.runPromise(Effect.void))
    other.close()
    await Promise.all([first.dispose(), second.dispose()])
  })

  test(
    "make one MySQL database and write to it at the same time, on Bun and on Deno",
    async () => {
      const url = await (await mariadb()).freshDatabase()
      const onDeno = [denoPath(), "run", "-A", "-q", script]
      const revisions = await Promise.all([release(onBun, url, 20), release(onBun, url, 20), release(onDeno, url, 20)])
      expect(revisions.flat().toSorted((a, b) => a - b)).toEqual(upTo(60))
    },
    startMs,
  )
})

describe("a MySQL database over TLS", () => {
  const cipher = Effect.flatMap(Database, (database) =>
    database.run((db) => sql<{ Value: string }>`show status like 'Ssl_cipher'`.execute(db)),
  ).pipe(Effect.map(({ rows }) => rows[0]?.Value))
  const open = (url: URL) =>
    Effect.runPromise(
      Effect.result(Effect.provide(cipher, Database.layer({ engine: "mysql", url: Redacted.make(url.href) }))),
    )

  test("is used when its certificate is for its address and of a CA that is trusted", async () => {
    const server = await mariadb()
    const url = new URL(await server.freshDatabase())
    expect(await open(url)).toMatchObject({ success: "" })
    url.searchParams.set("tls", "verify")
    expect(await open(url)).toMatchObject({ failure: { message: expect.stringContaining("certificate") } })
    url.searchParams.set("ca", server.ca)
    expect(await open(url)).toMatchObject({ success: expect.stringContaining("_") })
    for (const elsewhere of ["localhost", "127.0.0.2"]) {
      const relay = createServer((from) => from.pipe(connect(server.port, "127.0.0.1")).pipe(from))
      await new Promise<void>((resolve) => relay.listen(0, elsewhere, resolve))
      url.host = `${elsewhere}:${(relay.address() as AddressInfo).port}`
      const answer = await open(url)
      relay.close()
      expect(answer).toMatchObject({ failure: { message: expect.stringContaining("does not match certificate") } })
    }
  })
})

test("a transaction whose MySQL connection breaks before its commit runs again, whole", async () => {
  const target = await engines[1]!.fresh()
  let rounds = 0
  const cut = Effect.gen(function* () {
    const settings = yield* SettingsRepo
    const database = yield* Database
    const work = Effect.gen(function* () {
      const number = yield* settings.next("rounds")
      if (++rounds === 1) yield* Effect.ignore(database.query((db) => sql`kill connection_id()`.execute(db)))
      yield* settings.set("note", "x")
      return number
    })
    return yield* database.transaction(work)
  })
  expect(await Effect.runPromise(Effect.provide(cut, storeLayer(target)))).toBe(1)
  expect(rounds).toBe(2)
})

describe("what can't be a database", () => {
  const mysql = (url: string) => refusal({ engine: "mysql", url: Redacted.make(url) })

  test("is a file of something else, or one in no folder", async () => {
    const path = freshSqlite()
    writeFileSync(path, "This is a letter, not a database. ".repeat(50))
    expect(await refusal({ engine: "sqlite", path })).toStartWith(`The database file ${path} can't be used: `)
    expect(await refusal({ engine: "sqlite", path: "/nowhere/muster.db" })).toContain("/nowhere/muster.db")
  })

  test("is a server that refuses the user, lacks the database, or does not answer", async () => {
    const { port, freshDatabase } = await mariadb()
    const url = new URL(await freshDatabase())
    const wrongPassword = await mysql(`mysql://muster:hunter2@127.0.0.1:${port}${url.pathname}`)
    expect(wrongPassword).toContain("refuses the user: Access denied for user 'muster'")
    expect(wrongPassword).not.toContain("hunter2")
    expect(await mysql("mysql://muster:hunter2@127.0.0.1:1/muster")).toMatch(
      /^The database at 127\.0\.0\.1:1\/muster can't be reached: /,
    )
    url.pathname = "/muster_none"
    expect(await mysql(url.href)).toMatch(/There is no database at .*muster_none: create it first|refuses the user/)
  })

  test("is a URL that says too little, named without its password", async () => {
    const messages = await Promise.all(
      [
        "mysql://u:hunter2@10.0.0.1/muster",
        "mysql://u:hunter2@127.0.0.1/muster?tls=maybe",
        "mysql://u:hunter2@127.0.0.1/muster?ca=/nowhere.pem",
        "mysql://u:hunter2@127.0.0.1/muster?color=red",
        "mysql://u:hunter2@127.0.0.1/",
        "mysql://u:hunter2@[",
      ].map(mysql),
    )
    expect(messages[0]).toContain("add ?tls=verify")
    expect(messages[1]).toContain("tls=maybe")
    expect(messages[2]).toContain("/nowhere.pem")
    expect(messages[3]).toContain("unknown parameter color")
    expect(messages[4]).toContain("must name user, host and database")
    expect(messages[5]).toContain("must look like mysql://")
    expect(messages.join()).not.toContain("hunter2")
  })

  test("is told from what can by its option", () => {
    expect(databaseTarget(undefined, "/data")).toEqual({ engine: "sqlite", path: "/data/muster.db" })
    expect(databaseTarget("sqlite:///srv/a.db", "/data")).toEqual({ engine: "sqlite", path: "/srv/a.db" })
    expect(databaseTarget("/srv/a.db", "/data")).toEqual({ engine: "sqlite", path: "/srv/a.db" })
    expect(databaseTarget("mysql://u:p@h/d", "/data").engine).toBe("mysql")
  })
})

test("after a commit that failed the next transaction goes on", async () => {
  const runtime = ManagedRuntime.make(storeLayer({ engine: "sqlite", path: freshSqlite() }))
  const failing = Effect.flatMap(Database, (database) =>
    database.transaction(
      database.run(async (db) => {
        // Checked at the commit only, like the room on a full disk.
        await sql`pragma defer_foreign_keys = on`.execute(db)
        await sql`create table parent (id integer primary key)`.execute(db)
        await sql`create table child (parent integer references parent (id))`.execute(db)
        await sql`insert into child values (1)`.execute(db)
      }),
    ),
  )
  const next = Effect.flatMap(Database, (database) =>
    database.transaction(Effect.flatMap(SettingsRepo, (settings) => settings.set("after", "x"))),
  )
  const failed = await runtime.runPromise(Effect.exit(failing))
  expect(Exit.isFailure(failed)).toBe(true)
  await runtime.runPromise(next)
  expect(await runtime.runPromise(Effect.flatMap(SettingsRepo, (settings) => settings.get("after")))).toBe("x")
  await runtime.dispose()
})

import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Redacted } from "effect"
import { Kysely, sql } from "kysely"
import { migrate, type SchemaHistory, statementsOf } from "../../../src/manager/store/Migrations.ts"
import type { Tables } from "../../../src/manager/store/Tables.ts"
import { mysqlDialect } from "../../../src/platform/Mysql.ts"
import { sqliteDialect } from "../../../src/platform/Sqlite.ts"
import { engines, removeFresh, startMs } from "./engines.ts"

const versions = "create table schema_version (version integer not null primary key, applied_at bigint not null);\n"
const original: SchemaHistory = {
  version: 0,
  whole: `${versions}create table thing (id integer not null primary key);\ninsert into thing (id) values (7);\n`,
  migrations: [],
}
const next = (...statements: ReadonlyArray<string>): SchemaHistory => ({
  version: 1,
  whole: "",
  migrations: [{ to: 1, statements }],
})
const good = next("alter table thing add column note varchar(9) null", "update thing set note = 'kept'")
const bad = next("alter table thing add column note varchar(9) null", "update nothing set note = 'x'")

afterAll(removeFresh)

describe.each(engines)("a migration on $name", ({ fresh }) => {
  let db: Kysely<Tables>
  let engine: "sqlite" | "mysql"
  beforeAll(async () => {
    const target = await fresh()
    engine = target.engine
    db = new Kysely({
      dialect: target.engine === "sqlite" ? sqliteDialect(target.path) : mysqlDialect(Redacted.value(target.url)),
    })
  }, startMs)
  afterAll(() => db.destroy())

  const version = async () => (await db.selectFrom("schema_version").select("version").execute()).length

  test("that fails names its statement and leaves the old version in place", async () => {
    await migrate(db, engine, original)
    const error = await migrate(db, engine, bad).catch((error: unknown) => error)
    expect(String(error)).toContain("Bringing the database from version 0 to 1 failed")
    expect(String(error)).toContain("in the statement: update nothing set note = 'x'")
    expect(await version()).toBe(1)
    // MySQL has no way back from a changed table; SQLite has undone it.
    if (engine === "mysql") await sql`alter table thing drop column note`.execute(db)
  })

  test("brings an older database up, once, with what was in it", async () => {
    await migrate(db, engine, good)
    await migrate(db, engine, good)
    const { rows } = await sql<{ id: number; note: string }>`select id, note from thing`.execute(db)
    expect(rows.map((row) => ({ ...row }))).toEqual([{ id: 7, note: "kept" }])
    expect(await version()).toBe(2)
  })

  test("refuses a version that nothing leads on from", async () => {
    const error = await migrate(db, engine, { ...good, version: 3, migrations: [] }).catch((error: unknown) => error)
    expect(String(error)).toContain("no way from 1 to 2")
  })

  test("leaves the tables of something else alone", async () => {
    await sql`drop table schema_version`.execute(db)
    const error = await migrate(db, engine, good).catch((error: unknown) => error)
    expect(String(error)).toContain("tables but no schema version")
  })

  test("names the statement that can't create the schema", async () => {
    await sql`drop table thing`.execute(db)
    const error = await migrate(db, engine, { ...original, whole: `${versions}create tabel x (a integer);\n` }).catch(
      (error: unknown) => error,
    )
    expect(String(error)).toContain("in the statement: create tabel x (a integer)")
  })
})

test("a schema file is split where a semicolon ends a line", () => {
  const text = "-- a; b\ncreate table a (x integer); \n\n-- only a comment;\ninsert into a values (';');\r\n"
  expect(statementsOf(text)).toEqual(["create table a (x integer)", "insert into a values (';')"])
})

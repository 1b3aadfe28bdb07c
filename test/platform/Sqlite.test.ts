import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Kysely, sql } from "kysely"
import { sqliteDialect } from "../../src/platform/Sqlite.ts"

describe("an SQLite file", () => {
  let folder: string
  let db: Kysely<{ readonly thing: { id: number; flag: number | boolean; note: string | null | undefined } }>
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "muster-sqlite-"))
    db = new Kysely({ dialect: sqliteDialect(join(folder, "a.db")) })
    await sql`create table thing (id integer not null primary key, flag boolean not null, note text null)`.execute(db)
  })
  afterAll(async () => {
    await db.destroy()
    rmSync(folder, { recursive: true })
  })

  test("is its owner's alone, and so is all beside it", () => {
    const modes = readdirSync(folder).map((name) => (statSync(join(folder, name)).mode & 0o777).toString(8))
    expect(modes).toEqual(["600", "600", "600"])
  })

  test("takes booleans and undefined, and gives numbers and null", async () => {
    await db.insertInto("thing").values({ id: 1, flag: true, note: undefined }).execute()
    await sql`insert into thing values (2, ${false}, ${undefined})`.execute(db)
    const rows = await db.selectFrom("thing").selectAll().orderBy("id").execute()
    expect(rows.map((row) => ({ ...row }))).toEqual([
      { id: 1, flag: 1, note: null },
      { id: 2, flag: 0, note: null },
    ])
  })

  test("answers more different statements than it keeps, and each again", async () => {
    for (let round = 0; round < 2; round++)
      for (let index = 0; index < 300; index++) {
        const { rows } = await sql<{ n: number }>`select ${sql.lit(index)} as n`.execute(db)
        expect(rows[0]?.n).toBe(index)
      }
  })

  test("shows a kept statement what was added to its table", async () => {
    const all = () => sql<Record<string, unknown>>`select * from thing where id = 1`.execute(db)
    await all()
    await sql`alter table thing add column extra integer null`.execute(db)
    expect(Object.keys((await all()).rows[0]!)).toEqual(["id", "flag", "note", "extra"])
  })
})

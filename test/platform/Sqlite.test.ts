import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Kysely, sql } from "kysely"
import { isDamaged, openSqlite, setDatabaseAside, sqliteDialect } from "../../src/platform/Sqlite.ts"
import { temporaryFolder } from "../support/muster.ts"

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

describe("an SQLite file with one user", () => {
  test("has all of a transaction or nothing of it, and goes on after one that failed", () => {
    using temporary = temporaryFolder("muster-sqlite-")
    const file = openSqlite(join(temporary.path, "a.db"))
    file.exec("create table thing (id integer not null primary key) strict")
    const insert = file.prepare("insert into thing values (?)")
    const ids = file.prepare("select id from thing order by id")
    expect(() =>
      file.transaction(() => {
        insert.run(1)
        insert.run(1)
      }),
    ).toThrow("UNIQUE")
    file.transaction(() => expect(insert.run(2)).toBe(1))
    expect(ids.all().map((row) => ({ ...(row as object) }))).toEqual([{ id: 2 }])
    file.close()
  })

  test("tells a damaged file from one that can't be opened", () => {
    using temporary = temporaryFolder("muster-sqlite-")
    const path = join(temporary.path, "a.db")
    writeFileSync(path, "no database ".repeat(100))
    const failure = (open: () => unknown) => {
      try {
        open()
      } catch (error) {
        return error
      }
      return undefined
    }
    expect(isDamaged(failure(() => openSqlite(path)))).toBe(true)
    const missing = failure(() => openSqlite(join(temporary.path, "none", "a.db")))
    expect(missing).toBeInstanceOf(Error)
    expect(isDamaged(missing)).toBe(false)
  })
})

test("a database that can only in part be set aside leaves no log that would be written into the next one", () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "tasks.db")
  for (const suffix of ["", "-wal", "-shm"]) writeFileSync(path + suffix, "damaged")
  // As if power was lost before the last of them: the place of the file itself is taken.
  mkdirSync(join(`${path}.corrupt`, "in the way"), { recursive: true })
  expect(() => setDatabaseAside(path)).toThrow()
  expect([path, `${path}-wal`, `${path}-shm`].map((file) => existsSync(file))).toEqual([true, false, false])
})

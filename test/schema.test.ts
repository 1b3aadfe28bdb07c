import { readFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Effect, ManagedRuntime } from "effect"
import { sql } from "kysely"
import { Database } from "../src/manager/store/Database.ts"
import { engines, removeFresh, startMs } from "./manager/store/engines.ts"

type Column = { readonly type: "number" | "string"; readonly nullable: boolean; readonly generated: boolean }
type Schema = Record<string, Record<string, Column>>

// Read as text: types are gone at run time.
const declared = (): Schema => {
  const source = readFileSync(new URL("../src/manager/store/Tables.ts", import.meta.url), "utf8")
  const schema: Schema = {}
  for (const [, table, body] of source.matchAll(/readonly (\w+): \{([^}]*)\}/g)) {
    const columns: Record<string, Column> = {}
    for (const [, name, type] of body!.matchAll(/(\w+): ([^;\n]+)/g))
      columns[name!] = {
        type: /number/.test(type!) ? "number" : "string",
        nullable: /\| null/.test(type!),
        generated: /GeneratedAlways/.test(type!),
      }
    schema[table!] = columns
  }
  return schema
}

const numeric = /int|double|bool/i

const actual = {
  sqlite: sql<{ table: string; name: string; type: string; nullable: number; generated: number }>`
    select m.name as "table", c.name as name, c.type as type,
      case when c."notnull" = 1 then 0 else 1 end as nullable, case when c.hidden > 0 then 1 else 0 end as generated
    from sqlite_master m join pragma_table_xinfo(m.name) c
    where m.type = 'table' and m.name not like 'sqlite%'`,
  mysql: sql<{ table: string; name: string; type: string; nullable: number; generated: number }>`
    select table_name as "table", column_name as "name", data_type as "type",
      case when is_nullable = 'YES' then 1 else 0 end as "nullable",
      case when generation_expression is null or generation_expression = '' then 0 else 1 end as "generated"
    from information_schema.columns where table_schema = database()`,
}

afterAll(removeFresh)

describe.each(engines)("the schema on $name", ({ fresh }) => {
  let runtime: ManagedRuntime.ManagedRuntime<Database, unknown>
  beforeAll(async () => void (runtime = ManagedRuntime.make(Database.layer(await fresh()))), startMs)
  afterAll(() => runtime.dispose())

  test("has exactly the columns of Tables.ts", async () => {
    const rows = await runtime.runPromise(
      Effect.flatMap(Database, (database) =>
        database.run(async (db) => (await actual[database.engine].execute(db)).rows),
      ),
    )
    const found: Schema = {}
    for (const { table, name, type, nullable, generated } of rows)
      (found[table] ??= {})[name] = {
        type: numeric.test(type) ? "number" : "string",
        nullable: Number(nullable) === 1,
        generated: Number(generated) === 1,
      }
    const expected = declared()
    expect(Object.keys(expected).length).toBeGreaterThan(10)
    expect(found).toEqual(expected)
  })
})

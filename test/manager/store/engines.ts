import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Redacted } from "effect"
import type { DatabaseTarget } from "../../../src/manager/store/Database.ts"
import { mariadb } from "../../support/mariadb.ts"

/** A new, empty database of each kind: each test of the store runs on both. */
export const engines: ReadonlyArray<{ readonly name: string; readonly fresh: () => Promise<DatabaseTarget> }> = [
  { name: "SQLite", fresh: async () => ({ engine: "sqlite", path: freshSqlite() }) },
  {
    name: "MariaDB",
    fresh: async () => ({ engine: "mysql", url: Redacted.make(await (await mariadb()).freshDatabase()) }),
  },
]

/** How long a hook or test may take that starts a server or other processes, on a busy machine. */
export const startMs = 60_000

const folders: Array<string> = []

/** Where a new SQLite file may be. */
export const freshSqlite = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "muster-store-"))
  folders.push(folder)
  return join(folder, "muster.db")
}

/** For `afterAll` of each file of tests. */
export const removeFresh = () => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

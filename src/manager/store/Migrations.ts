import { type Kysely, sql } from "kysely"
import schema from "../../../schema.sql" with { type: "text" }
import { cronTables } from "./CronMigration.ts"
import { processesOfTheirOwn } from "./ProcessMigration.ts"
import type { Tables } from "./Tables.ts"

/** Brings a database of version `to - 1` to `to`, statement by statement. */
export type Migration = { readonly to: number; readonly statements: ReadonlyArray<string> }

/** A whole schema and the way to it from older ones. */
export type SchemaHistory = {
  readonly version: number
  /** The newest schema, for an empty database. */
  readonly whole: string
  readonly migrations: ReadonlyArray<Migration>
}

/** This program's schema. A change of schema.sql raises the version and adds a migration. */
export const currentSchema: SchemaHistory = {
  version: 3,
  whole: schema,
  migrations: [
    { to: 2, statements: processesOfTheirOwn },
    { to: 3, statements: cronTables },
  ],
}

/** The database can't be brought to this program's schema; the message is a sentence for its operator. */
export class MigrationError extends Error {}

/** The statements of a schema file: each ends with a semicolon at the end of a line. */
export const statementsOf = (text: string): ReadonlyArray<string> =>
  text
    .split(/;[ \t]*(?:\r?\n|$)/)
    .map((statement) => statement.replace(/^\s*--.*$/gm, "").trim())
    .filter((statement) => statement !== "")

const applyOne = async (db: Kysely<Tables>, statement: string, purpose: string) => {
  try {
    await sql.raw(statement).execute(db)
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause)
    throw new MigrationError(`${purpose} failed: ${detail}, in the statement: ${statement}`, { cause })
  }
}

const tableNames = async (db: Kysely<Tables>) => (await db.introspection.getTables()).map(({ name }) => name)

const versionOf = async (db: Kysely<Tables>): Promise<number | undefined> => {
  const names = await tableNames(db)
  if (names.length === 0) return undefined
  const row = names.includes("schema_version")
    ? await db.selectFrom("schema_version").select("version").orderBy("version", "desc").limit(1).executeTakeFirst()
    : undefined
  if (row === undefined)
    throw new MigrationError(
      "The database has tables but no schema version: it belongs to something else, or its first start was cut off. Use an empty database",
    )
  return Number(row.version)
}

const stampVersion = async (db: Kysely<Tables>, version: number) => {
  // The wall clock: a stamp for people, nothing is decided by it.
  // @effect-diagnostics-next-line globalDate:off
  const now = Date.now()
  await db.insertInto("schema_version").values({ version, applied_at: now }).execute()
}

const upgrade = async (db: Kysely<Tables>, history: SchemaHistory) => {
  const version = await versionOf(db)
  if (version === undefined) {
    for (const statement of statementsOf(history.whole)) await applyOne(db, statement, "Creating the database")
    return stampVersion(db, history.version)
  }
  if (version > history.version)
    throw new MigrationError(
      `The database has schema version ${version}, this program knows versions up to ${history.version}: a newer muster has used it. Start that one, or restore a backup from before`,
    )
  for (let to = version + 1; to <= history.version; to++) {
    const migration = history.migrations.find((migration) => migration.to === to)
    if (migration === undefined)
      throw new MigrationError(
        `The database has schema version ${version}, and this program has no way from ${to - 1} to ${to}`,
      )
    for (const statement of migration.statements)
      await applyOne(db, statement, `Bringing the database from version ${to - 1} to ${to}`)
    await stampVersion(db, to)
  }
}

// MySQL commits each change of a table by itself; a lock keeps a second manager out. SQLite takes all or nothing.
const withMysqlLock = (db: Kysely<Tables>, work: (db: Kysely<Tables>) => Promise<void>) =>
  db.connection().execute(async (connection) => {
    const got = await sql<{
      got: number | null
    }>`select get_lock(concat('muster-', sha1(database())), 60) as got`.execute(connection)
    if (Number(got.rows[0]?.got) !== 1)
      throw new MigrationError("Another manager has been changing the schema for over 60 seconds: see what it does")
    try {
      await work(connection)
    } finally {
      await sql`select release_lock(concat('muster-', sha1(database())))`.execute(connection)
    }
  })

/** Creates the schema, or brings an older one up to it. Throws MigrationError, or what the driver throws. */
export const migrate = (db: Kysely<Tables>, engine: "sqlite" | "mysql", history = currentSchema): Promise<void> =>
  engine === "mysql"
    ? withMysqlLock(db, (connection) => upgrade(connection, history))
    : db.transaction().execute((transaction) => upgrade(transaction, history))

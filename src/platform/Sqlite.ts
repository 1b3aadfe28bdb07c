import { closeSync, existsSync, openSync, renameSync } from "node:fs"
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"
import { type Dialect, SqliteDialect, type SqliteDatabase, type SqliteStatement } from "kysely"

const statementsKept = 200

// At the start nothing else is going on yet.
const openTimeoutMs = 5_000

// Waiting for another process's lock happens inside the call and stops the whole event loop, so it is short; whoever
// asks tries again later.
const busyTimeoutMs = 100

const encode = (value: unknown): SQLInputValue => {
  if (typeof value === "boolean") return value ? 1 : 0
  return value === undefined ? null : (value as SQLInputValue)
}

class Statement implements SqliteStatement {
  readonly reader: boolean
  readonly #statement: StatementSync
  constructor(statement: StatementSync) {
    this.#statement = statement
    this.reader = statement.columns().length > 0
  }
  all(parameters: ReadonlyArray<unknown>): Array<unknown> {
    return this.#statement.all(...parameters.map(encode))
  }
  run(parameters: ReadonlyArray<unknown>) {
    return this.#statement.run(...parameters.map(encode))
  }
  iterate(): IterableIterator<unknown> {
    throw new Error("Rows are not streamed: a kept statement can't be used again while it is iterated")
  }
}

const open = (path: string): DatabaseSync => {
  // Hashes of passwords are in it: made for its owner alone, and SQLite makes the files beside it alike.
  if (path !== ":memory:") closeSync(openSync(path, "a", 0o600))
  const database = new DatabaseSync(path, { timeout: openTimeoutMs, enableForeignKeyConstraints: true })
  try {
    // WAL: readers never wait for the writer. `full`: what a node has acked must still be here after a power cut, or
    // its revision would be given again to another list.
    database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma temp_store = memory")
    database.exec(`pragma busy_timeout = ${busyTimeoutMs}`)
  } catch (error) {
    database.close()
    throw error
  }
  return database
}

/** `node:sqlite` as Kysely wants it, with the most recently used statements kept. */
class NodeSqlite implements SqliteDatabase {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, Statement>()

  constructor(path: string) {
    this.#database = open(path)
  }

  prepare(text: string): Statement {
    // A transaction that begins as a reader can't become a writer when another process wrote meanwhile: begin as one.
    const source = text === "begin" ? "begin immediate" : text
    const kept = this.#statements.get(source)
    this.#statements.delete(source)
    const statement = kept ?? new Statement(this.#database.prepare(source))
    if (/^\s*(?:create|alter|drop|pragma|vacuum)/i.test(source)) return statement
    this.#statements.set(source, statement)
    const oldest = this.#statements.keys().next()
    if (this.#statements.size > statementsKept && oldest.done !== true) this.#statements.delete(oldest.value)
    return statement
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }
}

/** Opens the file, or makes it; throws when it is no database or can't be opened. One connection, WAL, foreign keys. */
export const sqliteDialect = (path: string): Dialect => new SqliteDialect({ database: new NodeSqlite(path) })

export type SqliteValue = string | number | Uint8Array | null

export interface SqliteQuery {
  /** Rows as they are in the file: to be decoded. */
  readonly all: (...values: ReadonlyArray<SqliteValue>) => ReadonlyArray<unknown>
  /** The number of rows that were changed. */
  readonly run: (...values: ReadonlyArray<SqliteValue>) => number
}

/** One connection, in plain synchronous code: for a file with one user, that wants many small writes in one commit. */
export interface SqliteFile {
  readonly exec: (text: string) => void
  readonly prepare: (text: string) => SqliteQuery
  /** All of it is on the disk when this returns, or nothing of it when it throws. */
  readonly transaction: (act: () => void) => void
  readonly close: () => void
}

/** Opens the file, or makes it, as `sqliteDialect` does. */
export const openSqlite = (path: string): SqliteFile => {
  const database = open(path)
  return {
    exec: (text) => database.exec(text),
    prepare: (text) => {
      const statement = database.prepare(text)
      return {
        all: (...values) => statement.all(...values),
        run: (...values) => Number(statement.run(...values).changes),
      }
    },
    transaction: (act) => {
      database.exec("begin immediate")
      try {
        act()
        database.exec("commit")
      } catch (error) {
        // A full disk has rolled back already.
        if (database.isTransaction) database.exec("rollback")
        throw error
      }
    },
    close: () => database.close(),
  }
}

const damagedCodes: ReadonlySet<number> = new Set([11, 26])

/** The file is no database, or is broken: SQLITE_CORRUPT and SQLITE_NOTADB, plain or extended. */
export const isDamaged = (error: unknown): boolean =>
  error instanceof Error &&
  "errcode" in error &&
  typeof error.errcode === "number" &&
  damagedCodes.has(error.errcode & 0xff)

/**
 * Renames a file that can't be used, and what SQLite keeps beside it, to `<path>.corrupt…`. Gives the new path. The file
 * itself comes last: a log that was left without it would be written into the next one.
 */
export const setDatabaseAside = (path: string): string => {
  for (const suffix of ["-wal", "-shm", ""])
    if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.corrupt${suffix}`)
  return `${path}.corrupt`
}

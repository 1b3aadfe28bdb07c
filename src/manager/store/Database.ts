import { type Cause, Context, Data, Effect, Exit, Layer, Random, Redacted } from "effect"
import { type ControlledTransaction, type Dialect, Kysely, type UpdateResult } from "kysely"
import { mysqlDialect, mysqlPlace } from "../../platform/Mysql.ts"
import { sqliteDialect } from "../../platform/Sqlite.ts"
import { migrate, MigrationError } from "./Migrations.ts"
import type { Tables } from "./Tables.ts"

/** Where the manager's data is. The URL (see platform/Mysql.ts) holds a password. */
export type DatabaseTarget =
  | { readonly engine: "sqlite"; readonly path: string }
  | { readonly engine: "mysql"; readonly url: Redacted.Redacted<string> }

/** What `--database` means: a `mysql://` URL, a file, or nothing for the file in the data folder. */
export const databaseTarget = (option: string | undefined, dataDir: string): DatabaseTarget => {
  if (option === undefined || option === "") return { engine: "sqlite", path: `${dataDir}/muster.db` }
  return /^mysql:/i.test(option)
    ? { engine: "mysql", url: Redacted.make(option) }
    : { engine: "sqlite", path: option.replace(/^sqlite:(?:\/\/)?/i, "") }
}

/** The manager can't start on this database; the message is a sentence for its operator. */
export class DatabaseUnusable extends Data.TaggedError("DatabaseUnusable")<{
  readonly message: string
  readonly cause?: unknown
}> {}

/** `conflict`: a unique key is taken. `busy`: another transaction was in the way, try the whole again. */
export class DbError extends Data.TaggedError("DbError")<{
  readonly kind: "conflict" | "busy" | "connection" | "query"
  readonly cause: unknown
}> {
  override get message() {
    return `${this.kind}: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

const connectionCodes = new Set(["ECONNREFUSED", "PROTOCOL_CONNECTION_LOST", "ETIMEDOUT", "ECONNRESET", "EPIPE"])
const sqliteUnique = new Set([2067, 1555])
const mysqlBusy = new Set([1205, 1213, 1020])

const kindOf = (cause: unknown): DbError["kind"] => {
  const { code, errno, errcode, message } = Object(cause) as Record<string, unknown>
  if (code === "ERR_SQLITE_ERROR" && typeof errcode === "number") {
    if (sqliteUnique.has(errcode)) return "conflict"
    // 5 busy, 6 locked: the low byte, the rest says in which way.
    return (errcode & 0xff) === 5 || (errcode & 0xff) === 6 ? "busy" : "query"
  }
  if (errno === 1062) return "conflict"
  if (typeof errno === "number" && mysqlBusy.has(errno)) return "busy"
  // What mysql2 says of a connection that it has closed itself has no code.
  const closed = typeof message === "string" && message.includes("in closed state")
  return closed || (typeof code === "string" && connectionCodes.has(code)) ? "connection" : "query"
}

// A busy error may already be a defect when it arrives here, so the cause is looked at rather than the error.
const hasKind = (cause: Cause.Cause<unknown>, kinds: ReadonlyArray<DbError["kind"]>): boolean =>
  cause.reasons.some((reason) => {
    const error = reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : undefined
    return error instanceof DbError && kinds.includes(error.kind)
  })

const attempts = 12

const retry = Effect.fnUntraced(function* <A, E, R>(
  self: Effect.Effect<A, E, R>,
  kinds: ReadonlyArray<DbError["kind"]>,
) {
  for (let round = 1; ; round++) {
    const exit = yield* Effect.exit(self)
    if (Exit.isSuccess(exit) || round === attempts || !hasKind(exit.cause, kinds)) return yield* exit
    yield* Effect.sleep(Math.min(500, 5 * 2 ** round) * (0.5 + (yield* Random.next) / 2))
  }
})

const CurrentTransaction = Context.Reference<ControlledTransaction<Tables> | undefined>(
  "muster/manager/store/CurrentTransaction",
  { defaultValue: () => undefined },
)

/** The manager's database: SQLite in a file, or MySQL. */
export class Database extends Context.Service<
  Database,
  {
    readonly engine: DatabaseTarget["engine"]
    /** One or more statements; inside of `transaction`, a part of it. Not for writes that belong together. */
    readonly query: <A>(statements: (db: Kysely<Tables>) => Promise<A>) => Effect.Effect<A, DbError>
    /** The same for statements that can only fail when the database is out of order: a defect then. */
    readonly run: <A>(statements: (db: Kysely<Tables>) => Promise<A>) => Effect.Effect<A>
    /**
     * All of it or nothing: failure, defect and interruption roll back. Inside of another transaction it is a part of
     * that. When the database is busy, or a connection breaks before the commit, the whole effect runs again: it should
     * do nothing else, and fork nothing.
     */
    readonly transaction: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  }
>()("muster/manager/store/Database") {
  /** Opens the database, brings it to this program's schema, and closes it with the scope. */
  static readonly layer = (target: DatabaseTarget) => Layer.effect(Database, open(target))
}

const attempt = <A>(statements: () => Promise<A>) =>
  Effect.tryPromise({ try: statements, catch: (cause) => new DbError({ kind: kindOf(cause), cause }) })

// When the connection breaks here nobody knows whether it was kept, so it must not run again.
const commit = (transaction: ControlledTransaction<Tables>) =>
  attempt(() => transaction.commit().execute()).pipe(
    Effect.mapError((error) =>
      error.kind === "connection" ? new DbError({ kind: "query", cause: error.cause }) : error,
    ),
  )

const access = (engine: DatabaseTarget["engine"], db: Kysely<Tables>) => {
  // Inside of a transaction a statement is waited for even when interrupted: the rollback comes after it.
  const query = <A>(statements: (db: Kysely<Tables>) => Promise<A>): Effect.Effect<A, DbError> =>
    Effect.flatMap(CurrentTransaction, (transaction) =>
      transaction === undefined
        ? retry(
            attempt(() => statements(db)),
            ["busy"],
          )
        : Effect.uninterruptible(attempt(() => statements(transaction))),
    )

  const once = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const transaction = yield* Effect.orDie(attempt(() => db.startTransaction().execute()))
        const exit = yield* Effect.exit(restore(Effect.provideService(self, CurrentTransaction, transaction)))
        const rollback = Effect.ignore(attempt(() => transaction.rollback().execute()))
        // A commit that failed (disk full) has let go of nothing yet: without a rollback SQLite's one connection is lost.
        if (Exit.isSuccess(exit)) yield* Effect.orDie(Effect.tapError(commit(transaction), () => rollback))
        else yield* rollback
        return yield* exit
      }),
    )

  return Database.of({
    engine,
    query,
    run: (statements) => Effect.orDie(query(statements)),
    transaction: (self) =>
      Effect.flatMap(CurrentTransaction, (outer) =>
        outer === undefined ? retry(once(self), ["busy", "connection"]) : self,
      ),
  })
}

const explain = (target: DatabaseTarget, cause: unknown): DatabaseUnusable => {
  const detail = cause instanceof Error ? cause.message : String(cause)
  if (cause instanceof MigrationError) return new DatabaseUnusable({ message: detail, cause })
  if (target.engine === "sqlite")
    return new DatabaseUnusable({ message: `The database file ${target.path} can't be used: ${detail}`, cause })
  const { errno } = Object(cause) as { errno?: unknown }
  const place = mysqlPlace(Redacted.value(target.url))
  if (errno === 1049)
    return new DatabaseUnusable({
      message: `There is no database at ${place}: create it first (character set utf8mb4, collation utf8mb4_bin)`,
      cause,
    })
  if (errno === 1044 || errno === 1045)
    return new DatabaseUnusable({ message: `The database at ${place} refuses the user: ${detail}`, cause })
  return kindOf(cause) === "connection" || Object(cause).fatal === true
    ? new DatabaseUnusable({ message: `The database at ${place} can't be reached: ${detail}`, cause })
    : new DatabaseUnusable({ message: `The database at ${place} can't be used: ${detail}`, cause })
}

const dialectOf = (target: DatabaseTarget): Effect.Effect<Dialect, DatabaseUnusable> =>
  Effect.try({
    try: () => (target.engine === "sqlite" ? sqliteDialect(target.path) : mysqlDialect(Redacted.value(target.url))),
    catch: (cause) =>
      target.engine === "sqlite"
        ? explain(target, cause)
        : new DatabaseUnusable({ message: cause instanceof Error ? cause.message : String(cause), cause }),
  })

const open = Effect.fnUntraced(function* (target: DatabaseTarget) {
  const dialect = yield* dialectOf(target)
  const db = yield* Effect.acquireRelease(
    Effect.sync(() => new Kysely<Tables>({ dialect })),
    (db) => Effect.ignore(Effect.tryPromise(() => db.destroy())),
  )
  // Another process may be writing to the file just now.
  yield* retry(
    attempt(() => migrate(db, target.engine)),
    ["busy"],
  ).pipe(Effect.mapError((error) => explain(target, error.cause)))
  return access(target.engine, db)
})

/**
 * Updates a row, or inserts it when there is none to update. Neither engine's own form works on the other. When another
 * transaction was faster with the insert, its row is updated.
 */
export const upsert = Effect.fnUntraced(function* (
  database: Database["Service"],
  update: (db: Kysely<Tables>) => Promise<UpdateResult>,
  insert: (db: Kysely<Tables>) => Promise<unknown>,
) {
  const updated = yield* database.run(update)
  if (updated.numUpdatedRows > 0n) return
  yield* database
    .query(insert)
    .pipe(Effect.catch((error) => (error.kind === "conflict" ? database.run(update) : Effect.die(error))))
})

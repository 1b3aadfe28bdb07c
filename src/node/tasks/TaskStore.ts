import { Data, Effect, Result, Schema } from "effect"
import { fieldError } from "../FieldError.ts"
import { isDamaged, openSqlite, setDatabaseAside, type SqliteFile, type SqliteValue } from "../../platform/Sqlite.ts"

/** The file of the queues can't be read or written: full, not permitted, broken. */
export class TaskStoreFailed extends Data.TaggedError("TaskStoreFailed")<{
  readonly path: string
  readonly reason: string
}> {
  override get message() {
    return `the task queue ${this.path}: ${this.reason}`
  }
}

/** Only this one row is not as it was written. */
export class UnreadableTask extends Data.TaggedError("UnreadableTask")<{ readonly message: string }> {}

const reasonOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause)).replaceAll("\n", " ")

export const storeFailed = (path: string) => (cause: unknown) => new TaskStoreFailed({ path, reason: reasonOf(cause) })

/** A task as it stands in the file. One that runs is there as a waiting one: so it is still to be done after a crash. */
export const StoredTask = Schema.Struct({
  id: Schema.String,
  /** The process set. */
  name: Schema.String,
  task: Schema.String,
  /** One CBOR item; null when it was not asked for. */
  payload: Schema.NullOr(Schema.instanceOf(Uint8Array)),
  payload_bytes: Schema.Int,
  state: Schema.Literals([0, 1]),
  /** Runs that have ended. */
  attempts: Schema.Int,
  attempts_max: Schema.Int,
  timeout_ms: Schema.Int,
  /** When it is to run; of a dead one, when it was given up. */
  due_at: Schema.Int,
  queued_at: Schema.Int,
  traceparent: Schema.NullOr(Schema.String),
  error: Schema.NullOr(Schema.String),
})
export type StoredTask = typeof StoredTask.Type

const storedState = { waiting: 0, dead: 1 } as const

const Due = Schema.Struct({ id: Schema.String, due_at: Schema.Int })
const Counted = Schema.Struct({ name: Schema.String, state: Schema.Literals([0, 1]), number: Schema.Int })
const Size = Schema.Struct({ bytes: Schema.Int })
const RemovedSet = Schema.Struct({ name: Schema.String, removed_at: Schema.Int })
const Health = Schema.Struct({ quick_check: Schema.String })

const schemaVersion = 1
const tables = `
  create table if not exists task (
    id text not null primary key, name text not null, task text not null, payload blob not null, state integer not null,
    attempts integer not null, attempts_max integer not null, timeout_ms integer not null, due_at integer not null,
    queued_at integer not null, traceparent text, error text
  ) strict;
  create index if not exists task_due on task (name, state, due_at, id);
  create index if not exists task_id on task (name, state, id);
  create table if not exists removed_set (name text not null primary key, removed_at integer not null) strict;
  pragma user_version = ${schemaVersion};
  pragma journal_size_limit = 67108864;
`

/** A list shows no payload that is larger: it would be read whole for a few lines of it. */
export const shownPayloadBytes = 65_536

const columns = `id, name, task, length(payload) as payload_bytes, state, attempts, attempts_max, timeout_ms, due_at,
  queued_at, traceparent, error`

const rows = <S extends Schema.Codec<unknown, unknown>>(file: SqliteFile, schema: S, text: string) => {
  const query = file.prepare(text)
  const decode = Schema.decodeUnknownResult(schema)
  return (...values: ReadonlyArray<SqliteValue>): ReadonlyArray<S["Type"]> =>
    query.all(...values).map((row) =>
      Result.getOrElse(decode(row), (error): S["Type"] => {
        throw new UnreadableTask({ message: `it is not as it was written: ${fieldError(error)}` })
      }),
    )
}

/**
 * The tasks of a node in one SQLite file. Synchronous, and it throws what SQLite throws: `TaskWrites` gathers the writes
 * into commits, and makes errors of what is thrown.
 */
export const taskStore = (file: SqliteFile) => {
  const insert = file.prepare(
    `insert into task (id, name, task, payload, state, attempts, attempts_max, timeout_ms, due_at, queued_at, traceparent)
     values (?, ?, ?, ?, ${storedState.waiting}, 0, ?, ?, ?, ?, ?) on conflict do nothing`,
  )
  const remove = file.prepare("delete from task where id = ?")
  const putOff = file.prepare("update task set attempts = ?, due_at = ?, error = ? where id = ?")
  const bury = file.prepare(
    `update task set state = ${storedState.dead}, attempts = ?, due_at = ?, error = ? where id = ?`,
  )
  const dropOldest = file.prepare(
    `delete from task where id in
     (select id from task where name = ? and state = ${storedState.dead} order by due_at, id limit ?)`,
  )
  const revive = `update task set state = ${storedState.waiting}, attempts = 0, due_at = ?, error = null
    where name = ? and state = ${storedState.dead}`
  const reviveOne = file.prepare(`${revive} and id = ?`)
  const reviveOldest = file.prepare(
    `${revive} and id in
     (select id from task where name = ? and state = ${storedState.dead} order by due_at, id limit ?)`,
  )
  const discardOne = file.prepare(`delete from task where name = ? and state = ${storedState.dead} and id = ?`)
  const discardAll = file.prepare(`delete from task where name = ? and state = ${storedState.dead}`)
  const deadCount = rows(
    file,
    Schema.Struct({ number: Schema.Int }),
    `select count(*) as number from task where name = ? and state = ${storedState.dead}`,
  )
  const rename = file.prepare("update task set name = ? where name = ?")
  const removeSet = file.prepare("delete from task where name = ?")
  const markRemoved = file.prepare("insert into removed_set (name, removed_at) values (?, ?) on conflict do nothing")
  const unmarkRemoved = file.prepare("delete from removed_set where name = ?")
  const firstDue = rows(
    file,
    Due,
    `select id, due_at from task where name = ? and state = ${storedState.waiting} order by due_at, id limit ?`,
  )
  const whole = rows(file, StoredTask, `select ${columns}, payload from task where id = ?`)
  const page = rows(
    file,
    StoredTask,
    `select ${columns}, case when length(payload) <= ${shownPayloadBytes} then payload end as payload
     from task where name = ? and state = ? and id > ? order by id limit ?`,
  )
  const counted = rows(file, Counted, "select name, state, count(*) as number from task group by name, state")
  const size = rows(
    file,
    Size,
    `select (page_count - freelist_count) * page_size as bytes
     from pragma_page_count, pragma_freelist_count, pragma_page_size`,
  )
  const removed = rows(file, RemovedSet, "select name, removed_at from removed_set")

  return {
    transaction: file.transaction,
    /** Answers 0 when it is there already. */
    insert: (
      task: Omit<StoredTask, "state" | "attempts" | "error" | "payload_bytes" | "payload">,
      payload: Uint8Array,
    ) =>
      insert.run(
        task.id,
        task.name,
        task.task,
        payload,
        task.attempts_max,
        task.timeout_ms,
        task.due_at,
        task.queued_at,
        task.traceparent,
      ),
    remove: (id: string) => remove.run(id),
    putOff: (id: string, to: { attempts: number; dueAt: number; error: string }) =>
      putOff.run(to.attempts, to.dueAt, to.error, id),
    bury: (id: string, to: { attempts: number; dueAt: number; error: string }) =>
      bury.run(to.attempts, to.dueAt, to.error, id),
    dropOldestDead: (name: string, number: number) => dropOldest.run(name, number),
    deadCount: (name: string) => deadCount(name)[0]?.number ?? 0,
    reviveOne: (name: string, id: string, now: number) => reviveOne.run(now, name, id),
    reviveOldest: (name: string, number: number, now: number) => reviveOldest.run(now, name, name, number),
    discardOne: (name: string, id: string) => discardOne.run(name, id),
    discardAll: (name: string) => discardAll.run(name),
    rename: (from: string, to: string) => rename.run(to, from),
    removeSet: (name: string) => removeSet.run(name),
    markRemoved: (name: string, now: number) => markRemoved.run(name, now),
    unmarkRemoved: (name: string) => unmarkRemoved.run(name),
    /** The first waiting ones in the order in which they are due, whether or not they are due already. */
    firstDue: (name: string, limit: number) => firstDue(name, limit),
    /** Throws an UnreadableTask when it is not as it was written, or not there. */
    whole: (id: string): StoredTask => {
      const [stored] = whole(id)
      if (stored === undefined) throw new UnreadableTask({ message: "it has gone from the file" })
      return stored
    },
    /** In the order in which they were queued, those after `after`. */
    page: (name: string, state: keyof typeof storedState, after: string, limit: number) =>
      page(name, storedState[state], after, limit),
    counted: () => counted().map(({ name, number, state }) => ({ name, number, isDead: state === storedState.dead })),
    removedSets: () => removed(),
    /** What the tasks take of the disk; what they took before is used again first. */
    bytes: () => size()[0]?.bytes ?? 0,
  }
}
export type TaskStore = ReturnType<typeof taskStore>

/** The file is no database, or a page of it is broken. */
class Damaged extends Data.TaggedError("Damaged")<{ readonly message: string }> {}

const openWhole = (path: string): SqliteFile => {
  const file = openSqlite(path)
  try {
    const [health] = rows(file, Health, "pragma quick_check(1)")()
    if (health?.quick_check !== "ok") throw new Damaged({ message: health?.quick_check ?? "it can't be checked" })
    file.exec(tables)
    return file
  } catch (error) {
    file.close()
    throw error
  }
}

/** Answers undefined when it is damaged, and was set aside. */
const openOrSetAside = (path: string) =>
  Effect.try({
    try: () => openWhole(path),
    catch: (cause) =>
      cause instanceof Damaged || isDamaged(cause)
        ? new Damaged({ message: reasonOf(cause) })
        : storeFailed(path)(cause),
  }).pipe(
    Effect.catchTag("Damaged", ({ message }) =>
      Effect.try({ try: () => setDatabaseAside(path), catch: storeFailed(path) }).pipe(
        Effect.flatMap((aside) =>
          Effect.logError(`${path} is damaged and was set aside as ${aside}: ${message}; its tasks don't run`),
        ),
        Effect.as(undefined),
      ),
    ),
  )

/**
 * Opens the file, or makes it. One that is no database or is damaged is set aside and reported, and an empty one takes
 * its place: a node without its waiting tasks is better than one that doesn't start.
 */
export const openTaskStore = Effect.fn("TaskStore.open")(function* (path: string) {
  const open = Effect.gen(function* () {
    return (
      (yield* openOrSetAside(path)) ??
      (yield* openOrSetAside(path)) ??
      (yield* new TaskStoreFailed({ path, reason: "a new file is damaged too: look at the disk" }))
    )
  })
  const file = yield* Effect.acquireRelease(open, (opened) => Effect.sync(() => opened.close()))
  return taskStore(file)
})

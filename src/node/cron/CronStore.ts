import { Data, Effect, Result, Schema } from "effect"
import { isDamaged, openSqlite, setDatabaseAside, type SqliteFile, type SqliteValue } from "../../platform/Sqlite.ts"
import { CronRun } from "../../protocol/CronMessages.ts"
import { fieldError } from "../FieldError.ts"

/** The file of the runs can't be read or written: full, not permitted, broken. */
export class CronStoreFailed extends Data.TaggedError("CronStoreFailed")<{
  readonly path: string
  readonly reason: string
}> {
  override get message() {
    return `the cron history ${this.path}: ${this.reason}`
  }
}

const reasonOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause)).replaceAll("\n", " ")
export const storeFailed = (path: string) => (cause: unknown) => new CronStoreFailed({ path, reason: reasonOf(cause) })

/** A run that is yet to begin: it waits for its time, or for another one to end. */
export const WaitingRun = Schema.Struct({
  id: Schema.String,
  taskId: Schema.String,
  cause: CronRun.fields.cause,
  dueAt: Schema.Int,
  attempt: Schema.Int,
  by: Schema.NullOr(Schema.String),
  /** It does not begin before. */
  notBefore: Schema.Int,
})
export type WaitingRun = typeof WaitingRun.Type

/** A run that an agent before this one had begun. `pid` null: whether it had is not known. */
const RunningRun = Schema.Struct({
  ...CronRun.fields,
  pid: Schema.NullOr(Schema.Int),
  startTime: Schema.NullOr(Schema.String),
  bootId: Schema.NullOr(Schema.String),
  uid: Schema.NullOr(Schema.Int),
})
export type RunningRun = typeof RunningRun.Type

/** What is remembered of a task beyond its runs. */
const TaskRow = Schema.Struct({
  id: Schema.String,
  /** Its schedule and whether it was enabled, as JSON: another one begins anew. */
  basis: Schema.String,
  anchor: Schema.Int,
  lastSlot: Schema.Int,
})
export type TaskRow = typeof TaskRow.Type

const OutputRow = Schema.Struct({
  head: Schema.instanceOf(Uint8Array),
  tail: Schema.instanceOf(Uint8Array),
  bytes: Schema.Int,
})
const SeqRow = Schema.Struct({ seq: Schema.Int })
const NumberRow = Schema.Struct({ number: Schema.Int })
const Health = Schema.Struct({ quick_check: Schema.String })

// What is long stands last in a row, so that it is not read on the way to the rest. A run's `seq` is its place in the order in which runs were due; `end_seq` that in which they have ended. Both only grow.
const tables = `
  create table if not exists task (
    id text not null primary key, basis text not null, anchor integer not null, last_slot integer not null,
    removed_at integer
  ) strict;
  create table if not exists run (
    seq integer not null primary key autoincrement, id text not null unique, task_id text not null, cause text not null,
    due_at integer not null, not_before integer not null, started_at integer, ended_at integer, state text not null,
    attempt integer not null, exit_code integer, signal text, reason text, by_whom text,
    pid integer, start_time text, boot_id text, uid integer, end_seq integer, output_bytes integer not null default 0,
    head blob not null default x'', tail blob not null default x''
  ) strict;
  create index if not exists run_order on run (task_id, seq);
  create index if not exists run_open on run (seq) where end_seq is null;
  create unique index if not exists run_end on run (end_seq) where end_seq is not null;
  pragma user_version = 1;
  pragma journal_size_limit = 16777216;
`

const runColumns = `id, task_id as taskId, cause, due_at as dueAt, started_at as startedAt, ended_at as endedAt, state,
  attempt, exit_code as exitCode, signal, reason, by_whom as "by", output_bytes as outputBytes`
const waitingColumns = `id, task_id as taskId, cause, due_at as dueAt, attempt, by_whom as "by", not_before as notBefore`

const rows = <S extends Schema.Codec<unknown, unknown>>(file: SqliteFile, schema: S, text: string) => {
  const query = file.prepare(text)
  const decode = Schema.decodeUnknownResult(schema)
  return (...values: ReadonlyArray<SqliteValue>): ReadonlyArray<S["Type"]> =>
    query.all(...values).map((row) =>
      Result.getOrElse(decode(row), (error): S["Type"] => {
        throw new Error(`a row is not as it was written: ${fieldError(error)}`)
      }),
    )
}

/** How a run has ended; what is null is not known. */
export type RunEnd = Pick<CronRun, "state" | "endedAt" | "exitCode" | "signal" | "reason" | "by"> & {
  readonly output?: { readonly head: Uint8Array; readonly tail: Uint8Array; readonly bytes: number }
}

/**
 * Tasks, runs and what they said, in one SQLite file. Synchronous, and it throws what SQLite throws: `CronWrites`
 * gathers the writes into commits, and makes errors of what is thrown.
 */
export const cronStore = (file: SqliteFile) => {
  const tasks = rows(
    file,
    TaskRow,
    `select id, basis, anchor, last_slot as lastSlot from task where removed_at is null`,
  )
  const putTask = file.prepare(
    `insert into task (id, basis, anchor, last_slot) values (?, ?, ?, ?)
     on conflict (id) do update set basis = excluded.basis, anchor = excluded.anchor, last_slot = excluded.last_slot,
     removed_at = null`,
  )
  const takeSlot = file.prepare("update task set last_slot = ? where id = ?")
  const removeTask = file.prepare("update task set removed_at = ? where id = ?")
  const insertWaiting = file.prepare(
    `insert into run (id, task_id, cause, due_at, not_before, state, attempt, by_whom) values (?, ?, ?, ?, ?, 'waiting', ?, ?)`,
  )
  const begin = file.prepare("update run set state = 'running', started_at = ? where id = ?")
  const identify = file.prepare("update run set pid = ?, start_time = ?, boot_id = ?, uid = ? where id = ?")
  const saveOutput = file.prepare("update run set head = ?, tail = ?, output_bytes = ? where id = ?")
  const end = file.prepare(
    `update run set state = ?, ended_at = ?, exit_code = ?, signal = ?, reason = ?, by_whom = ?, end_seq = ? where id = ?`,
  )
  const drop = file.prepare("delete from run where id = ? and state = 'waiting'")
  const waiting = rows(
    file,
    WaitingRun,
    `select ${waitingColumns} from run where end_seq is null and state = 'waiting' order by seq`,
  )
  const running = rows(
    file,
    RunningRun,
    `select ${runColumns}, pid, start_time as startTime, boot_id as bootId, uid
     from run where end_seq is null and state = 'running' order by seq`,
  )
  const lastEnd = rows(file, SeqRow, "select coalesce(max(end_seq), 0) as seq from run")
  const one = rows(file, CronRun, `select ${runColumns} from run where id = ? and state <> 'waiting'`)
  const seqOf = rows(file, SeqRow, "select seq from run where id = ?")
  const page = rows(
    file,
    CronRun,
    `select ${runColumns} from run where task_id = ? and state <> 'waiting' and seq < ? order by seq desc limit ?`,
  )
  const count = rows(file, NumberRow, "select count(*) as number from run where task_id = ? and state <> 'waiting'")
  const ended = rows(
    file,
    Schema.Struct({ ...CronRun.fields, endSeq: Schema.Int }),
    `select ${runColumns}, end_seq as endSeq from run where end_seq > ? order by end_seq limit ?`,
  )
  const output = rows(file, OutputRow, "select head, tail, output_bytes as bytes from run where id = ?")
  const last = rows(
    file,
    CronRun,
    `select ${runColumns} from run where task_id = ? and end_seq is not null and state <> 'skipped' order by seq desc limit 1`,
  )
  const ahead = rows(
    file,
    Schema.Struct({ dueAt: Schema.Int }),
    `select due_at as dueAt from run
     where task_id = ? and due_at > ? and cause in ('schedule', 'missed') and state <> 'skipped'`,
  )
  // Skipped ones are counted apart, so that they don't drive out those that ran.
  const pruned = (comparison: string) =>
    file.prepare(
      `delete from run where task_id = ? and end_seq is not null and state ${comparison} 'skipped' and (ended_at < ? or seq <=
       (select seq from run where task_id = ? and end_seq is not null and state ${comparison} 'skipped'
        order by seq desc limit 1 offset ?))`,
    )
  const [pruneRuns, pruneSkipped] = [pruned("<>"), pruned("=")]
  const forget = file.prepare(
    "delete from run where end_seq is not null and task_id in (select id from task where removed_at < ?)",
  )
  const forgetTasks = file.prepare(
    "delete from task where removed_at < ? and not exists (select 1 from run where run.task_id = task.id)",
  )

  return {
    transaction: file.transaction,
    tasks: () => tasks(),
    putTask: (task: TaskRow) => putTask.run(task.id, task.basis, task.anchor, task.lastSlot),
    takeSlot: (id: string, slot: number) => takeSlot.run(slot, id),
    removeTask: (id: string, now: number) => removeTask.run(now, id),
    insertWaiting: (run: WaitingRun) =>
      insertWaiting.run(run.id, run.taskId, run.cause, run.dueAt, run.notBefore, run.attempt, run.by),
    begin: (id: string, now: number) => begin.run(now, id),
    identify: (id: string, at: { pid: number; startTime: string; bootId: string; uid: number | undefined }) =>
      identify.run(at.pid, at.startTime, at.bootId, at.uid ?? null, id),
    end: (id: string, run: RunEnd, endSeq: number) => {
      if (run.output !== undefined) saveOutput.run(run.output.head, run.output.tail, run.output.bytes, id)
      end.run(run.state, run.endedAt, run.exitCode, run.signal, run.reason, run.by, endSeq, id)
    },
    drop: (id: string) => drop.run(id),
    waiting: () => waiting(),
    running: () => running(),
    lastEnd: () => lastEnd()[0]?.seq ?? 0,
    run: (id: string) => one(id)[0],
    /** The newest first, those older than `before`. */
    page: (taskId: string, before: string | undefined, limit: number) =>
      page(taskId, before === undefined ? Number.MAX_SAFE_INTEGER : (seqOf(before)[0]?.seq ?? 0), limit),
    count: (taskId: string) => count(taskId)[0]?.number ?? 0,
    /** In the order in which they have ended. */
    endedAfter: (endSeq: number, limit: number) => ended(endSeq, limit),
    output: (id: string) => output(id)[0],
    /** The one that has ended last; skipped ones don't count. */
    last: (taskId: string) => last(taskId)[0],
    /** Times after this one that have run all the same, by a clock that was wrong. */
    ahead: (taskId: string, now: number) => ahead(taskId, now).map(({ dueAt }) => dueAt),
    prune: (taskId: string, keep: { runs: number; since: number }) => {
      pruneRuns.run(taskId, keep.since, taskId, keep.runs)
      pruneSkipped.run(taskId, keep.since, taskId, keep.runs)
    },
    /** Of tasks that were removed before. */
    forget: (before: number) => {
      forget.run(before)
      forgetTasks.run(before)
    },
  }
}
export type CronStore = ReturnType<typeof cronStore>

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
          Effect.logError(`${path} is damaged and was set aside as ${aside}: ${message}; the cron history begins anew`),
        ),
        Effect.as(undefined),
      ),
    ),
  )

/**
 * Opens the file, or makes it. One that is no database or is damaged is set aside and reported: then no time of the past
 * is made up for, and the history begins anew.
 */
export const openCronStore = Effect.fn("CronStore.open")(function* (path: string) {
  const open = Effect.gen(function* () {
    return (
      (yield* openOrSetAside(path)) ??
      (yield* openOrSetAside(path)) ??
      (yield* new CronStoreFailed({ path, reason: "a new file is damaged too: look at the disk" }))
    )
  })
  const file = yield* Effect.acquireRelease(open, (opened) => Effect.sync(() => opened.close()))
  return cronStore(file)
})

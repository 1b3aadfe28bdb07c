import { Clock, Context, Effect, Layer, Schema } from "effect"
import { CronRun } from "../../protocol/CronMessages.ts"
import { Database, upsert } from "./Database.ts"
import { decodeRow, decodeRows } from "./Rows.ts"

const Row = Schema.Struct({ nodeId: Schema.String, run: Schema.fromJsonString(CronRun) }).pipe(
  Schema.encodeKeys({ nodeId: "node_id" }),
)
/** A run that has ended, and where it ran. */
export type StoredRun = typeof Row.Type

/** How many of a task's runs are kept, and how long. */
export type Keeping = { readonly taskId: string; readonly keepRuns: number; readonly keepMs: number }

const rows = decodeRows(Row)
const row = decodeRow(Row)
const encodeRun = Schema.encodeEffect(Schema.fromJsonString(CronRun))
const decodeLast = decodeRow(Schema.Struct({ last_run: Schema.NullOr(Schema.fromJsonString(CronRun)) }))
const rowsAtOnce = 200

/** When it began, or was due if it never did. */
export const beganAt = ({ dueAt, startedAt }: Pick<CronRun, "dueAt" | "startedAt">) => startedAt ?? dueAt

const make = Effect.gen(function* () {
  const database = yield* Database

  const cursor = Effect.fn("CronRunsRepo.cursor")((nodeId: string) =>
    database.run(async (db) => {
      const found = await db
        .selectFrom("node_cron")
        .select("history_cursor")
        .where("node_id", "=", nodeId)
        .executeTakeFirst()
      return found?.history_cursor ?? ""
    }),
  )

  /** Runs of tasks that this manager never knew are none of its business. */
  const known = (runs: ReadonlyArray<CronRun>) =>
    database.run(async (db) => {
      const ids = [...new Set(runs.map(({ taskId }) => taskId))]
      const found =
        ids.length === 0 ? [] : await db.selectFrom("cron_task").select("id").where("id", "in", ids).execute()
      const there = new Set(found.map(({ id }) => id))
      return runs.filter(({ taskId }) => there.has(taskId))
    })

  const insert = Effect.fnUntraced(function* (nodeId: string, taskId: string, runs: ReadonlyArray<CronRun>) {
    for (let at = 0; at < runs.length; at += rowsAtOnce) {
      const some = runs.slice(at, at + rowsAtOnce)
      const values = yield* Effect.orDie(
        Effect.forEach(some, (run) =>
          Effect.map(encodeRun(run), (text) => ({
            task_id: taskId,
            id: run.id,
            node_id: nodeId,
            began_at: beganAt(run),
            run: text,
          })),
        ),
      )
      const ids = some.map(({ id }) => id)
      yield* database.run(async (db) => {
        await db.deleteFrom("cron_run").where("task_id", "=", taskId).where("id", "in", ids).execute()
        await db.insertInto("cron_run").values(values).execute()
      })
    }
    const newest = runs.reduce((one, other) => (beganAt(other) >= beganAt(one) ? other : one))
    const before = yield* decodeLast(
      database.run((db) => db.selectFrom("cron_task").select("last_run").where("id", "=", taskId).executeTakeFirst()),
    )
    if (before?.last_run != null && beganAt(before.last_run) > beganAt(newest)) return
    const text = yield* Effect.orDie(encodeRun(newest))
    yield* database.run((db) => db.updateTable("cron_task").set({ last_run: text }).where("id", "=", taskId).execute())
  })

  const record = Effect.fn("CronRunsRepo.record")((nodeId: string, runs: ReadonlyArray<CronRun>, cursor: string) =>
    database.transaction(
      Effect.gen(function* () {
        // The last word on a run counts, and one statement can't insert it twice.
        const once = [...new Map((yield* known(runs)).map((run) => [`${run.taskId} ${run.id}`, run])).values()]
        for (const [taskId, some] of Map.groupBy(once, ({ taskId }) => taskId)) yield* insert(nodeId, taskId, some)
        yield* upsert(
          database,
          (db) =>
            db
              .updateTable("node_cron")
              .set({ history_cursor: cursor })
              .where("node_id", "=", nodeId)
              .executeTakeFirst(),
          (db) =>
            db
              .insertInto("node_cron")
              .values({ node_id: nodeId, revision: 0, digest: "", history_cursor: cursor })
              .execute(),
        )
        return [...new Set(once.map(({ taskId }) => taskId))]
      }),
    ),
  )

  const page = Effect.fn("CronRunsRepo.page")(function* (taskId: string, limit: number, before: string | undefined) {
    const from = before === undefined ? undefined : yield* place(taskId, before)
    const found = yield* rows(
      database.run((db) => {
        const query = db
          .selectFrom("cron_run")
          .select(["node_id", "run"])
          .where("task_id", "=", taskId)
          .orderBy("began_at", "desc")
          .orderBy("id", "desc")
          .limit(limit)
        if (from === undefined) return query.execute()
        return query
          .where((eb) =>
            eb.or([
              eb("began_at", "<", from.began_at),
              eb.and([eb("began_at", "=", from.began_at), eb("id", "<", from.id)]),
            ]),
          )
          .execute()
      }),
    )
    const total = yield* database.run((db) =>
      db
        .selectFrom("cron_run")
        .select((eb) => eb.fn.countAll().as("count"))
        .where("task_id", "=", taskId)
        .executeTakeFirstOrThrow(),
    )
    return { runs: found, total: Number(total.count) }
  })

  const place = (taskId: string, id: string) =>
    database.run((db) =>
      db
        .selectFrom("cron_run")
        .select(["began_at", "id"])
        .where("task_id", "=", taskId)
        .where("id", "=", id)
        .executeTakeFirst(),
    )

  const get = Effect.fn("CronRunsRepo.get")((taskId: string, id: string) =>
    row(
      database.run((db) =>
        db
          .selectFrom("cron_run")
          .select(["node_id", "run"])
          .where("task_id", "=", taskId)
          .where("id", "=", id)
          .executeTakeFirst(),
      ),
    ),
  )

  const prune = Effect.fn("CronRunsRepo.prune")(function* ({ keepMs, keepRuns, taskId }: Keeping) {
    const now = yield* Clock.currentTimeMillis
    yield* database.run(async (db) => {
      const first = await db
        .selectFrom("cron_run")
        .select("began_at")
        .where("task_id", "=", taskId)
        .orderBy("began_at", "desc")
        .offset(keepRuns)
        .limit(1)
        .executeTakeFirst()
      const until = Math.max(now - keepMs, first === undefined ? 0 : Number(first.began_at) + 1)
      await db.deleteFrom("cron_run").where("task_id", "=", taskId).where("began_at", "<", until).execute()
    })
  })

  const forget = Effect.fn("CronRunsRepo.forget")((deletedBefore: number) =>
    Effect.asVoid(
      database.run((db) =>
        db
          .deleteFrom("cron_run")
          .where("task_id", "in", (eb) =>
            eb.selectFrom("cron_task").select("id").where("deleted_at", "<", deletedBefore),
          )
          .execute(),
      ),
    ),
  )

  const assignment = Effect.fn("CronRunsRepo.assignment")((nodeId: string, digest: string, atNode: number) =>
    database.transaction(
      Effect.gen(function* () {
        const before = yield* database.run((db) =>
          db.selectFrom("node_cron").select(["revision", "digest"]).where("node_id", "=", nodeId).executeTakeFirst(),
        )
        const last = Number(before?.revision ?? 0)
        if (before?.digest === digest && last >= atNode) return last
        const revision = Math.max(last, atNode) + 1
        yield* upsert(
          database,
          (db) =>
            db.updateTable("node_cron").set({ revision, digest }).where("node_id", "=", nodeId).executeTakeFirst(),
          (db) =>
            db.insertInto("node_cron").values({ node_id: nodeId, revision, digest, history_cursor: "" }).execute(),
        )
        return revision
      }),
    ),
  )

  return CronRunsRepo.of({ cursor, record, page, get, prune, forget, assignment })
})

/** What the nodes told of the runs of cron tasks, and how far each of them was heard. */
export class CronRunsRepo extends Context.Service<
  CronRunsRepo,
  {
    /** Up to where the node's history was read; empty: nothing yet. */
    readonly cursor: (nodeId: string) => Effect.Effect<string>
    /** Runs that have ended, with the cursor behind them; answers the tasks concerned. */
    readonly record: (
      nodeId: string,
      runs: ReadonlyArray<CronRun>,
      cursor: string,
    ) => Effect.Effect<ReadonlyArray<string>>
    /** The newest first; `before`: those older than this one. */
    readonly page: (
      taskId: string,
      limit: number,
      before: string | undefined,
    ) => Effect.Effect<{ readonly runs: ReadonlyArray<StoredRun>; readonly total: number }>
    readonly get: (taskId: string, id: string) => Effect.Effect<StoredRun | undefined>
    readonly prune: (keeping: Keeping) => Effect.Effect<void>
    /** Of tasks that were deleted before this time. */
    readonly forget: (deletedBefore: number) => Effect.Effect<void>
    /**
     * The revision of a node's set of tasks: the last one while the digest is the same, a new one otherwise; never below
     * what the node has, which may know more than a database that was put back to an older state.
     */
    readonly assignment: (nodeId: string, digest: string, atNode: number) => Effect.Effect<number>
  }
>()("muster/manager/store/CronRunsRepo") {
  static readonly layer = Layer.effect(CronRunsRepo, make)
}

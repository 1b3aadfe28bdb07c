import { Clock, Context, Effect, Layer, Schema, Struct } from "effect"
import { Revision } from "../../domain/EndpointList.ts"
import { CronTask } from "../../domain/Cron.ts"
import { newId } from "../../platform/Ids.ts"
import { CronRun } from "../../protocol/CronMessages.ts"
import { Database } from "./Database.ts"
import { Conflict, NotFound } from "./Errors.ts"
import { decodeRow, decodeRows, TextOrNull, TimeOrNull } from "./Rows.ts"

/** What stands in the column `task`; the rest of a task has columns of its own. */
const Kept = Schema.Struct(Struct.omit(CronTask.fields, ["id", "name", "enabled"]))
const keptText = Schema.fromJsonString(Kept)
const encodeKept = Schema.encodeEffect(keptText)

const Row = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  ip: Schema.String,
  enabled: Schema.BooleanFromBit,
  kept: keptText,
  revision: Revision,
  heldBy: TextOrNull,
  heldRevision: Schema.NullOr(Schema.Int),
  last: Schema.NullOr(Schema.fromJsonString(CronRun)),
  createdAt: Schema.Int,
  createdBy: Schema.String,
  modifiedAt: Schema.Int,
  modifiedBy: Schema.String,
  deletedAt: TimeOrNull,
}).pipe(
  Schema.encodeKeys({
    kept: "task",
    heldBy: "held_by",
    heldRevision: "held_revision",
    last: "last_run",
    createdAt: "created_at",
    createdBy: "created_by",
    modifiedAt: "modified_at",
    modifiedBy: "modified_by",
    deletedAt: "deleted_at",
  }),
)

/** A cron task, where it is to be, and which node may run it now (null: none). */
export type StoredCron = Omit<typeof Row.Type, "kept" | "name" | "enabled"> & { readonly task: CronTask }

/** What an operator may say of a task. */
export type CronFields = Omit<CronTask, "id"> & { readonly ip: string }

const stored = ({ enabled, kept, name, ...rest }: typeof Row.Type): StoredCron => ({
  ...rest,
  task: { id: rest.id, name, enabled, ...kept },
})
const decodeAll = decodeRows(Row)
const decodeOne = decodeRow(Row)
const rows = (found: Effect.Effect<ReadonlyArray<unknown>>) => Effect.map(decodeAll(found), (all) => all.map(stored))
const row = (found: Effect.Effect<unknown>) =>
  Effect.map(decodeOne(found), (one) => (one === undefined ? undefined : stored(one)))

const taken = (name: string) =>
  new Conflict({ field: "name", value: name, reason: `There is already a cron task named ${name}` })
const missing = (id: string) => new NotFound({ what: "cron task", id })

const make = Effect.gen(function* () {
  const database = yield* Database

  const list = rows(
    database.run((db) =>
      db.selectFrom("cron_task").selectAll().where("deleted_at", "is", null).orderBy("name").orderBy("id").execute(),
    ),
  )

  const find = Effect.fnUntraced(function* (column: "id" | "live_name", value: string) {
    const found = yield* row(
      database.run((db) =>
        db
          .selectFrom("cron_task")
          .selectAll()
          .where(column, "=", value)
          .where("deleted_at", "is", null)
          .executeTakeFirst(),
      ),
    )
    return found ?? (yield* missing(value))
  })

  const concerning = Effect.fn("CronTasksRepo.concerning")((nodeId: string, ip: string) =>
    rows(
      database.run((db) =>
        db
          .selectFrom("cron_task")
          .selectAll()
          .where((eb) => eb.or([eb.and([eb("ip", "=", ip), eb("deleted_at", "is", null)]), eb("held_by", "=", nodeId)]))
          .orderBy("id")
          .execute(),
      ),
    ),
  )

  const columns = Effect.fnUntraced(function* ({ enabled, ip, name, ...kept }: CronFields, by: string) {
    return {
      name,
      ip,
      enabled: enabled ? 1 : 0,
      task: yield* Effect.orDie(encodeKept(kept)),
      modified_at: yield* Clock.currentTimeMillis,
      modified_by: by,
    }
  })

  const create = Effect.fn("CronTasksRepo.create")(function* (fields: CronFields, by: string) {
    const id = newId()
    const values = yield* columns(fields, by)
    yield* database
      .query((db) =>
        db
          .insertInto("cron_task")
          .values({
            id,
            ...values,
            revision: 1,
            held_by: null,
            held_revision: null,
            last_run: null,
            created_at: values.modified_at,
            created_by: by,
            deleted_at: null,
            deleted_by: null,
          })
          .execute(),
      )
      .pipe(Effect.catch((error) => (error.kind === "conflict" ? taken(fields.name) : Effect.die(error))))
    return yield* Effect.orDie(find("id", id))
  })

  const update = Effect.fn("CronTasksRepo.update")(function* (id: string, fields: CronFields, by: string) {
    const values = yield* columns(fields, by)
    const updated = yield* database
      .query((db) =>
        db
          .updateTable("cron_task")
          .set((eb) => ({ ...values, revision: eb("revision", "+", 1) }))
          .where("id", "=", id)
          .where("deleted_at", "is", null)
          .executeTakeFirst(),
      )
      .pipe(Effect.catch((error) => (error.kind === "conflict" ? taken(fields.name) : Effect.die(error))))
    if (updated.numUpdatedRows === 0n) return yield* missing(id)
    return yield* find("id", id)
  })

  const remove = Effect.fn("CronTasksRepo.remove")(function* (id: string, by: string) {
    const now = yield* Clock.currentTimeMillis
    const updated = yield* database.run((db) =>
      db
        .updateTable("cron_task")
        .set({ deleted_at: now, deleted_by: by })
        .where("id", "=", id)
        .where("deleted_at", "is", null)
        .executeTakeFirst(),
    )
    if (updated.numUpdatedRows === 0n) return yield* missing(id)
  })

  const restore = Effect.fn("CronTasksRepo.restore")(function* (id: string) {
    const before = yield* row(
      database.run((db) => db.selectFrom("cron_task").selectAll().where("id", "=", id).executeTakeFirst()),
    )
    if (before === undefined) return yield* missing(id)
    yield* database
      .query((db) =>
        db.updateTable("cron_task").set({ deleted_at: null, deleted_by: null }).where("id", "=", id).executeTakeFirst(),
      )
      .pipe(Effect.catch((error) => (error.kind === "conflict" ? taken(before.task.name) : Effect.die(error))))
    return yield* find("id", id)
  })

  const claim = Effect.fn("CronTasksRepo.claim")(function* (id: string, nodeId: string, from: string | null) {
    const updated = yield* database.run((db) =>
      db
        .updateTable("cron_task")
        .set({ held_by: nodeId, held_revision: null })
        .where("id", "=", id)
        .where("held_by", from === null ? "is" : "=", from)
        .executeTakeFirst(),
    )
    return updated.numUpdatedRows > 0n
  })

  const acked = Effect.fn("CronTasksRepo.acked")(
    (nodeId: string, has: ReadonlyMap<string, number>): Effect.Effect<ReadonlyArray<StoredCron>> =>
      database.transaction(
        Effect.gen(function* () {
          const held = yield* rows(
            database.run((db) => db.selectFrom("cron_task").selectAll().where("held_by", "=", nodeId).execute()),
          )
          const free = held.filter(({ id }) => !has.has(id))
          for (const { heldRevision, id } of held) {
            const revision = has.get(id)
            if (revision === heldRevision && revision !== undefined) continue
            const set = revision === undefined ? { held_by: null, held_revision: null } : { held_revision: revision }
            yield* database.run((db) =>
              db.updateTable("cron_task").set(set).where("id", "=", id).where("held_by", "=", nodeId).execute(),
            )
          }
          return free
        }),
      ),
  )

  const release = Effect.fn("CronTasksRepo.release")((id: string) =>
    Effect.asVoid(
      database.run((db) =>
        db.updateTable("cron_task").set({ held_by: null, held_revision: null }).where("id", "=", id).execute(),
      ),
    ),
  )

  return CronTasksRepo.of({
    list,
    get: Effect.fn("CronTasksRepo.get")((id: string) => find("id", id)),
    byName: Effect.fn("CronTasksRepo.byName")((name: string) => find("live_name", name)),
    concerning,
    create,
    update,
    remove,
    restore,
    claim,
    acked,
    release,
  })
})

/** Cron tasks. A removed one is kept with its runs, and can be restored. */
export class CronTasksRepo extends Context.Service<
  CronTasksRepo,
  {
    /** Those that are not deleted, by name. */
    readonly list: Effect.Effect<ReadonlyArray<StoredCron>>
    readonly get: (id: string) => Effect.Effect<StoredCron, NotFound>
    readonly byName: (name: string) => Effect.Effect<StoredCron, NotFound>
    /** Those that are to be at this address, and those that this node may run: deleted or moved ones too. */
    readonly concerning: (nodeId: string, ip: string) => Effect.Effect<ReadonlyArray<StoredCron>>
    readonly create: (fields: CronFields, by: string) => Effect.Effect<StoredCron, Conflict>
    /** A new revision. */
    readonly update: (id: string, fields: CronFields, by: string) => Effect.Effect<StoredCron, NotFound | Conflict>
    readonly remove: (id: string, by: string) => Effect.Effect<void, NotFound>
    readonly restore: (id: string) => Effect.Effect<StoredCron, NotFound | Conflict>
    /** From now on this node may run it. false: another one may, and not `from` (null: nobody). */
    readonly claim: (id: string, nodeId: string, from: string | null) => Effect.Effect<boolean>
    /** What a node has: revisions by id. Answers the tasks that it had and has no more: they are free for another. */
    readonly acked: (nodeId: string, has: ReadonlyMap<string, number>) => Effect.Effect<ReadonlyArray<StoredCron>>
    /** Free for another node, whatever the one that may run it does. */
    readonly release: (id: string) => Effect.Effect<void>
  }
>()("muster/manager/store/CronTasksRepo") {
  static readonly layer = Layer.effect(CronTasksRepo, make)
}

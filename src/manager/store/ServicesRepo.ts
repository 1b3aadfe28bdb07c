import { Clock, Context, Effect, Layer, Schema } from "effect"
import { TlsMode } from "../../domain/EndpointList.ts"
import { nodeManager, ServiceName } from "../../domain/ServiceName.ts"
import { newId } from "../../platform/Ids.ts"
import { Database } from "./Database.ts"
import { Conflict, NotFound } from "./Errors.ts"
import { decodeRow, decodeRows } from "./Rows.ts"

const Row = Schema.Struct({
  id: Schema.String,
  name: ServiceName,
  description: Schema.String,
  tls: TlsMode,
  kernel: Schema.BooleanFromBit,
  createdAt: Schema.Int,
  createdBy: Schema.String,
  modifiedAt: Schema.Int,
  modifiedBy: Schema.String,
}).pipe(
  Schema.encodeKeys({
    createdAt: "created_at",
    createdBy: "created_by",
    modifiedAt: "modified_at",
    modifiedBy: "modified_by",
  }),
)

/** A service that is not deleted. Times are milliseconds since 1970. */
export type Service = typeof Row.Type

/** What an operator may say of a service. */
export type ServiceFields = {
  readonly name: ServiceName
  readonly description: string
  readonly tls: TlsMode
}

const rows = decodeRows(Row)
const row = decodeRow(Row)

const taken = (name: string) =>
  new Conflict({ field: "name", value: name, reason: `There is already a service named ${name}` })

const make = Effect.gen(function* () {
  const database = yield* Database

  const find = (id: string) =>
    row(
      database.run((db) =>
        db.selectFrom("service").selectAll().where("id", "=", id).where("deleted_at", "is", null).executeTakeFirst(),
      ),
    )

  const list = rows(
    database.run((db) =>
      db
        .selectFrom("service")
        .selectAll()
        .where("deleted_at", "is", null)
        .orderBy("kernel", "desc")
        .orderBy("name")
        .execute(),
    ),
  )

  const get = Effect.fn("ServicesRepo.get")(function* (id: string) {
    return (yield* find(id)) ?? (yield* new NotFound({ what: "service", id }))
  })

  const byName = Effect.fn("ServicesRepo.byName")(function* (name: string) {
    const found = yield* row(
      database.run((db) => db.selectFrom("service").selectAll().where("live_name", "=", name).executeTakeFirst()),
    )
    return found ?? (yield* new NotFound({ what: "service", id: name }))
  })

  const insert = Effect.fnUntraced(function* (fields: ServiceFields, kernel: boolean, by: string) {
    const now = yield* Clock.currentTimeMillis
    const id = newId()
    const { name, description, tls } = fields
    yield* database
      .query((db) =>
        db
          .insertInto("service")
          .values({
            id,
            name,
            description,
            tls,
            kernel: kernel ? 1 : 0,
            last_revision: 0,
            last_spec_revision: 0,
            created_at: now,
            created_by: by,
            modified_at: now,
            modified_by: by,
            deleted_at: null,
            deleted_by: null,
          })
          .execute(),
      )
      .pipe(Effect.catch((error) => (error.kind === "conflict" ? taken(name) : Effect.die(error))))
    return { id, kernel, ...fields, createdAt: now, createdBy: by, modifiedAt: now, modifiedBy: by } satisfies Service
  })

  const create = Effect.fn("ServicesRepo.create")((fields: ServiceFields, by: string) => insert(fields, false, by))

  const update = Effect.fn("ServicesRepo.update")(function* (id: string, fields: ServiceFields, by: string) {
    const now = yield* Clock.currentTimeMillis
    const { name, description, tls } = fields
    const updated = yield* database
      .query((db) =>
        db
          .updateTable("service")
          .set({ name, description, tls, modified_at: now, modified_by: by })
          .where("id", "=", id)
          .where("deleted_at", "is", null)
          .executeTakeFirst(),
      )
      .pipe(Effect.catch((error) => (error.kind === "conflict" ? taken(name) : Effect.die(error))))
    if (updated.numUpdatedRows === 0n) return yield* new NotFound({ what: "service", id })
    return yield* get(id)
  })

  const remove = Effect.fn("ServicesRepo.remove")(function* (id: string, by: string) {
    const now = yield* Clock.currentTimeMillis
    const updated = yield* database.run((db) =>
      db
        .updateTable("service")
        .set({ deleted_at: now, deleted_by: by, modified_at: now, modified_by: by })
        .where("id", "=", id)
        .where("deleted_at", "is", null)
        .where("kernel", "=", 0)
        .executeTakeFirst(),
    )
    if (updated.numUpdatedRows === 0n) return yield* new NotFound({ what: "service", id })
  })

  // Two managers may start at once on an empty database: the second finds the first one's row.
  yield* byName(nodeManager).pipe(
    Effect.catch(() =>
      insert({ name: nodeManager, description: "The agents of all joined nodes", tls: "on" }, true, "muster").pipe(
        Effect.catch(() => byName(nodeManager)),
      ),
    ),
    Effect.orDie,
  )

  return ServicesRepo.of({ list, get, byName, create, update, remove })
})

/** Services. A deleted one is kept, and is nowhere found; its name is free again. */
export class ServicesRepo extends Context.Service<
  ServicesRepo,
  {
    /** node_manager first, then by name. */
    readonly list: Effect.Effect<ReadonlyArray<Service>>
    readonly get: (id: string) => Effect.Effect<Service, NotFound>
    readonly byName: (name: string) => Effect.Effect<Service, NotFound>
    readonly create: (fields: ServiceFields, by: string) => Effect.Effect<Service, Conflict>
    readonly update: (id: string, fields: ServiceFields, by: string) => Effect.Effect<Service, NotFound | Conflict>
    /** A kernel service is not found here. */
    readonly remove: (id: string, by: string) => Effect.Effect<void, NotFound>
  }
>()("muster/manager/store/ServicesRepo") {
  /** Makes node_manager when it is not there yet. */
  static readonly layer = Layer.effect(ServicesRepo, make)
}

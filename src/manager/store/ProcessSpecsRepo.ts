import { Clock, Context, Effect, Layer, Schema } from "effect"
import { Revision } from "../../domain/EndpointList.ts"
import { NamelessSpec, type ProcessSpec } from "../../domain/ProcessSpec.ts"
import { ServiceName } from "../../domain/ServiceName.ts"
import { Database, upsert } from "./Database.ts"
import { NotFound } from "./Errors.ts"
import { decodeRow, decodeRows } from "./Rows.ts"

const encodeSpec = Schema.encodeEffect(Schema.fromJsonString(NamelessSpec))

const Row = Schema.Struct({
  serviceId: Schema.String,
  name: ServiceName,
  revision: Revision,
  spec: Schema.fromJsonString(NamelessSpec),
  modifiedAt: Schema.Int,
  modifiedBy: Schema.String,
}).pipe(Schema.encodeKeys({ serviceId: "service_id", modifiedAt: "modified_at", modifiedBy: "modified_by" }))

/** How a service is run. `revision` grows with each change, also over a removal. */
export type StoredSpec = {
  readonly serviceId: string
  readonly spec: ProcessSpec
  readonly revision: number
  readonly modifiedAt: number
  readonly modifiedBy: string
}

const stored = ({ name, spec, ...rest }: typeof Row.Type): StoredSpec => ({ ...rest, spec: { service: name, ...spec } })
const rows = decodeRows(Row)
const row = decodeRow(Row)

const make = Effect.gen(function* () {
  const database = yield* Database

  const all = rows(
    database.run((db) =>
      db
        .selectFrom("process_spec")
        .innerJoin("service", "service.id", "process_spec.service_id")
        .selectAll("process_spec")
        .select("service.name")
        .where("service.deleted_at", "is", null)
        .execute(),
    ),
  ).pipe(Effect.map((found) => found.map(stored)))

  const get = Effect.fn("ProcessSpecsRepo.get")((serviceId: string) =>
    row(
      database.run((db) =>
        db
          .selectFrom("process_spec")
          .innerJoin("service", "service.id", "process_spec.service_id")
          .selectAll("process_spec")
          .select("service.name")
          .where("process_spec.service_id", "=", serviceId)
          .where("service.deleted_at", "is", null)
          .executeTakeFirst(),
      ),
    ).pipe(Effect.map((found) => (found === undefined ? undefined : stored(found)))),
  )

  const set = Effect.fn("ProcessSpecsRepo.set")(function* (serviceId: string, spec: NamelessSpec, by: string) {
    const now = yield* Clock.currentTimeMillis
    const text = yield* Effect.orDie(encodeSpec(spec))
    const save = Effect.gen(function* () {
      const updated = yield* database.run((db) =>
        db
          .updateTable("service")
          .set((eb) => ({ last_spec_revision: eb("last_spec_revision", "+", 1) }))
          .where("id", "=", serviceId)
          .where("deleted_at", "is", null)
          .executeTakeFirst(),
      )
      if (updated.numUpdatedRows === 0n) return yield* new NotFound({ what: "service", id: serviceId })
      const service = yield* database.run((db) =>
        db.selectFrom("service").select("last_spec_revision").where("id", "=", serviceId).executeTakeFirstOrThrow(),
      )
      const values = { revision: Number(service.last_spec_revision), spec: text, modified_at: now, modified_by: by }
      yield* upsert(
        database,
        (db) => db.updateTable("process_spec").set(values).where("service_id", "=", serviceId).executeTakeFirst(),
        (db) =>
          db
            .insertInto("process_spec")
            .values({ service_id: serviceId, ...values })
            .execute(),
      )
      return (yield* get(serviceId)) ?? (yield* new NotFound({ what: "service", id: serviceId }))
    })
    return yield* database.transaction(save)
  })

  const remove = Effect.fn("ProcessSpecsRepo.remove")(function* (serviceId: string) {
    const deleted = yield* database.run((db) =>
      db.deleteFrom("process_spec").where("service_id", "=", serviceId).executeTakeFirst(),
    )
    return deleted.numDeletedRows > 0n
  })

  return ProcessSpecsRepo.of({ all, get, set, remove })
})

/** How the processes of services are run. */
export class ProcessSpecsRepo extends Context.Service<
  ProcessSpecsRepo,
  {
    /** Of all services that are not deleted. */
    readonly all: Effect.Effect<ReadonlyArray<StoredSpec>>
    readonly get: (serviceId: string) => Effect.Effect<StoredSpec | undefined>
    readonly set: (serviceId: string, spec: NamelessSpec, by: string) => Effect.Effect<StoredSpec, NotFound>
    /** false: there was none. */
    readonly remove: (serviceId: string) => Effect.Effect<boolean>
  }
>()("muster/manager/store/ProcessSpecsRepo") {
  static readonly layer = Layer.effect(ProcessSpecsRepo, make)
}

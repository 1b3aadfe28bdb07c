import { Clock, Context, Effect, Layer, Schema } from "effect"
import { newId } from "../../platform/Ids.ts"
import { Database } from "./Database.ts"
import { Conflict, NotFound } from "./Errors.ts"
import { decodeRow, decodeRows, TextOrNull, TimeOrNull } from "./Rows.ts"

const ClientRow = Schema.Struct({
  id: Schema.String,
  serviceId: Schema.String,
  ip: Schema.String,
  createdAt: Schema.Int,
  createdBy: Schema.String,
}).pipe(Schema.encodeKeys({ serviceId: "service_id", createdAt: "created_at", createdBy: "created_by" }))

/** An address that receives a service's endpoint list. */
export type Client = typeof ClientRow.Type

const AckRow = Schema.Struct({
  clientId: Schema.String,
  serviceId: Schema.String,
  nodeId: Schema.String,
  revision: Schema.NullOr(Schema.Int),
  ackedAt: TimeOrNull,
  tookMs: Schema.NullOr(Schema.Finite),
  error: TextOrNull,
  errorAt: TimeOrNull,
}).pipe(
  Schema.encodeKeys({
    clientId: "client_id",
    serviceId: "service_id",
    nodeId: "node_id",
    ackedAt: "acked_at",
    tookMs: "took_ms",
    errorAt: "error_at",
  }),
)

/** What stands durably on a client's node, as it said itself, and what went wrong since (null: nothing). */
export type Ack = typeof AckRow.Type

const clientRows = decodeRows(ClientRow)
const clientRow = decodeRow(ClientRow)
const ackRows = decodeRows(AckRow)

const make = Effect.gen(function* () {
  const database = yield* Database

  const all = clientRows(
    database.run((db) =>
      db
        .selectFrom("client")
        .innerJoin("service", "service.id", "client.service_id")
        .selectAll("client")
        .where("client.deleted_at", "is", null)
        .where("service.deleted_at", "is", null)
        .orderBy("client.created_at")
        .orderBy("client.id")
        .execute(),
    ),
  )

  const of = Effect.fn("ClientsRepo.of")((serviceId: string) =>
    clientRows(
      database.run((db) =>
        db
          .selectFrom("client")
          .selectAll()
          .where("service_id", "=", serviceId)
          .where("deleted_at", "is", null)
          .orderBy("created_at")
          .orderBy("id")
          .execute(),
      ),
    ),
  )

  const find = (serviceId: string, clientId: string) =>
    clientRow(
      database.run((db) =>
        db
          .selectFrom("client")
          .selectAll()
          .where("id", "=", clientId)
          .where("service_id", "=", serviceId)
          .executeTakeFirst(),
      ),
    )

  const taken = (ip: string) =>
    new Conflict({ field: "ip", value: ip, reason: `${ip} is already a client of this service` })

  const revive = (serviceId: string, clientId: string, ip: string) =>
    database
      .query((db) =>
        db
          .updateTable("client")
          .set({ deleted_at: null, deleted_by: null })
          .where("id", "=", clientId)
          .where("service_id", "=", serviceId)
          .executeTakeFirst(),
      )
      .pipe(Effect.catch((error) => (error.kind === "conflict" ? taken(ip) : Effect.die(error))))

  const addOne = Effect.fnUntraced(function* (serviceId: string, ip: string, by: string) {
    const former = yield* clientRow(
      database.run((db) =>
        db
          .selectFrom("client")
          .selectAll()
          .where("service_id", "=", serviceId)
          .where("ip", "=", ip)
          .where("deleted_at", "is not", null)
          .orderBy("deleted_at", "desc")
          .limit(1)
          .executeTakeFirst(),
      ),
    )
    if (former !== undefined) {
      yield* revive(serviceId, former.id, ip)
      return former
    }
    const client: Client = { id: newId(), serviceId, ip, createdAt: yield* Clock.currentTimeMillis, createdBy: by }
    yield* database
      .query((db) =>
        db
          .insertInto("client")
          .values({
            id: client.id,
            service_id: serviceId,
            ip,
            created_at: client.createdAt,
            created_by: by,
            deleted_at: null,
            deleted_by: null,
          })
          .execute(),
      )
      .pipe(Effect.catch((error) => (error.kind === "conflict" ? taken(ip) : Effect.die(error))))
    return client
  })

  const add = Effect.fn("ClientsRepo.add")((serviceId: string, ips: ReadonlyArray<string>, by: string) =>
    database.transaction(
      Effect.gen(function* () {
        const service = yield* database.run((db) =>
          db
            .selectFrom("service")
            .select("id")
            .where("id", "=", serviceId)
            .where("deleted_at", "is", null)
            .executeTakeFirst(),
        )
        if (service === undefined) return yield* new NotFound({ what: "service", id: serviceId })
        return yield* Effect.forEach(ips, (ip) => addOne(serviceId, ip, by))
      }),
    ),
  )

  const remove = Effect.fn("ClientsRepo.remove")(function* (serviceId: string, clientId: string, by: string) {
    const now = yield* Clock.currentTimeMillis
    const updated = yield* database.run((db) =>
      db
        .updateTable("client")
        .set({ deleted_at: now, deleted_by: by })
        .where("id", "=", clientId)
        .where("service_id", "=", serviceId)
        .where("deleted_at", "is", null)
        .executeTakeFirst(),
    )
    if (updated.numUpdatedRows === 0n) return yield* new NotFound({ what: "client", id: clientId })
  })

  const restore = Effect.fn("ClientsRepo.restore")(function* (serviceId: string, clientId: string) {
    const client = yield* find(serviceId, clientId)
    if (client === undefined) return yield* new NotFound({ what: "client", id: clientId })
    yield* revive(serviceId, clientId, client.ip)
    return client
  })

  const allAcks = ackRows(
    database.run((db) =>
      db
        .selectFrom("ack")
        .innerJoin("client", "client.id", "ack.client_id")
        .innerJoin("service", "service.id", "ack.service_id")
        .selectAll("ack")
        .where("client.deleted_at", "is", null)
        .where("service.deleted_at", "is", null)
        .execute(),
    ),
  )

  const acksOf = Effect.fn("ClientsRepo.acksOf")((serviceId: string) =>
    ackRows(
      database.run((db) =>
        db
          .selectFrom("ack")
          .innerJoin("client", "client.id", "ack.client_id")
          .selectAll("ack")
          .where("ack.service_id", "=", serviceId)
          .where("client.deleted_at", "is", null)
          .execute(),
      ),
    ),
  )

  return ClientsRepo.of({ all, of, add, remove, restore, allAcks, acksOf })
})

/** Clients of services, and what was delivered to them (written by DeliveriesRepo). A removed client is kept with its acks, and can be restored. */
export class ClientsRepo extends Context.Service<
  ClientsRepo,
  {
    /** Of all services that are not deleted, the oldest first. */
    readonly all: Effect.Effect<ReadonlyArray<Client>>
    readonly of: (serviceId: string) => Effect.Effect<ReadonlyArray<Client>>
    /** All of them or none. One that was removed is restored. */
    readonly add: (
      serviceId: string,
      ips: ReadonlyArray<string>,
      by: string,
    ) => Effect.Effect<ReadonlyArray<Client>, NotFound | Conflict>
    readonly remove: (serviceId: string, clientId: string, by: string) => Effect.Effect<void, NotFound>
    readonly restore: (serviceId: string, clientId: string) => Effect.Effect<Client, NotFound | Conflict>
    readonly allAcks: Effect.Effect<ReadonlyArray<Ack>>
    readonly acksOf: (serviceId: string) => Effect.Effect<ReadonlyArray<Ack>>
  }
>()("muster/manager/store/ClientsRepo") {
  static readonly layer = Layer.effect(ClientsRepo, make)
}

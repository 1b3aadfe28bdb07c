import { Context, Effect, Layer, Schema } from "effect"
import { Endpoints } from "../../domain/Endpoint.ts"
import { Revision, TlsMode } from "../../domain/EndpointList.ts"
import { ServiceName } from "../../domain/ServiceName.ts"
import { Database } from "./Database.ts"
import type { Tables } from "./Tables.ts"
import { decodeRow, decodeRows, TextOrNull } from "./Rows.ts"

const DueRow = Schema.Struct({
  clientId: Schema.String,
  serviceId: Schema.String,
  service: ServiceName,
  pushedRevision: Schema.NullOr(Schema.Int),
  nodeId: TextOrNull,
  ackedRevision: Schema.NullOr(Schema.Int),
  error: TextOrNull,
}).pipe(
  Schema.encodeKeys({
    clientId: "client_id",
    serviceId: "service_id",
    pushedRevision: "pushed_revision",
    nodeId: "node_id",
    ackedRevision: "acked_revision",
  }),
)

/** What an address has to have of one service: `pushedRevision`, null for nothing yet, and what it acked last. */
export type Due = typeof DueRow.Type

const RevisionRow = Schema.Struct({
  serviceId: Schema.String,
  service: ServiceName,
  revision: Revision,
  tls: TlsMode,
  endpoints: Schema.fromJsonString(Endpoints),
  overrideBy: TextOrNull,
  overrideReason: TextOrNull,
  releasedAt: Schema.Int,
  releasedBy: Schema.String,
}).pipe(
  Schema.encodeKeys({
    serviceId: "service_id",
    overrideBy: "override_by",
    overrideReason: "override_reason",
    releasedAt: "released_at",
    releasedBy: "released_by",
  }),
)

/** One published revision, with the name of its service. */
export type NamedRevision = typeof RevisionRow.Type

/** How a delivery ended. `revision` null: it failed, and `error` says why, as `writeProblem` does; what was acked before stays. */
export type Outcome = {
  readonly clientId: string
  readonly serviceId: string
  readonly nodeId: string
  readonly at: number
} &
  // Without `tookMs` the node had it already.
  (
    | { readonly revision: number; readonly tookMs: number | null; readonly error: null }
    | { readonly revision: null; readonly tookMs: null; readonly error: string }
  )

const dueRows = decodeRows(DueRow)
const revisionRow = decodeRow(RevisionRow)

type AckRow = Tables["ack"]

const rowsAtOnce = 500
const nothing = { revision: null, acked_at: null, took_ms: null, error: null, error_at: null }

const after = (before: AckRow | undefined, outcome: Outcome): AckRow => {
  // Another node at this address has none of what the former one acked.
  const known = before?.node_id === outcome.nodeId ? before : nothing
  const row = {
    ...nothing,
    ...known,
    client_id: outcome.clientId,
    service_id: outcome.serviceId,
    node_id: outcome.nodeId,
  }
  return outcome.revision === null
    ? { ...row, error: outcome.error, error_at: outcome.at }
    : {
        ...row,
        revision: outcome.revision,
        acked_at: outcome.at,
        took_ms: outcome.tookMs ?? row.took_ms,
        error: null,
        error_at: null,
      }
}

const make = Effect.gen(function* () {
  const database = yield* Database

  const dueAt = Effect.fn("DeliveriesRepo.dueAt")((ip: string) =>
    dueRows(
      database.run((db) =>
        db
          .selectFrom("client")
          .innerJoin("service", "service.id", "client.service_id")
          .leftJoin("ack", "ack.client_id", "client.id")
          .select([
            "client.id as client_id",
            "client.service_id",
            "service.name as service",
            "client.pushed_revision",
            "ack.node_id",
            "ack.revision as acked_revision",
            "ack.error",
          ])
          .where("client.ip", "=", ip)
          .where("client.deleted_at", "is", null)
          .where("service.deleted_at", "is", null)
          .execute(),
      ),
    ),
  )

  const removedAt = Effect.fn("DeliveriesRepo.removedAt")((ip: string) =>
    database.run(async (db) => {
      const rows = await db
        .selectFrom("client")
        .innerJoin("service", "service.id", "client.service_id")
        .select("service.name")
        .distinct()
        .where("client.ip", "=", ip)
        .where((eb) => eb.or([eb("client.deleted_at", "is not", null), eb("service.deleted_at", "is not", null)]))
        .execute()
      return rows.map((row) => row.name)
    }),
  )

  const chosen = (serviceId: string, clientIds: "all" | ReadonlyArray<string>) =>
    database.run((db) => {
      const query = db
        .selectFrom("client")
        .select(["id", "pushed_revision"])
        .where("service_id", "=", serviceId)
        .where("deleted_at", "is", null)
      if (clientIds === "all") return query.execute()
      // MySQL takes no empty list.
      return clientIds.length === 0 ? Promise.resolve([]) : query.where("id", "in", [...clientIds]).execute()
    })

  const setTarget = (clientIds: ReadonlyArray<string>, revision: number | null) =>
    clientIds.length === 0
      ? Effect.void
      : Effect.asVoid(
          database.run((db) =>
            db
              .updateTable("client")
              .set({ pushed_revision: revision })
              .where("id", "in", [...clientIds])
              .execute(),
          ),
        )

  // A removed client that is restored must not get the list of then, with an endpoint that was taken offline since.
  const setTargetOfRemoved = (serviceId: string, revision: number) =>
    database.run((db) =>
      db
        .updateTable("client")
        .set({ pushed_revision: revision })
        .where("service_id", "=", serviceId)
        .where("deleted_at", "is not", null)
        .where("pushed_revision", "is not", null)
        .execute(),
    )

  const push = Effect.fn("DeliveriesRepo.push")(
    (serviceId: string, clientIds: "all" | ReadonlyArray<string>, revision: number) =>
      database.transaction(
        Effect.gen(function* () {
          const before = yield* chosen(serviceId, clientIds)
          const ids = before.map((row) => row.id)
          yield* setTarget(ids, revision)
          if (clientIds === "all") yield* setTargetOfRemoved(serviceId, revision)
          return new Map(before.map((row) => [row.id, row.pushed_revision]))
        }),
      ),
  )

  const unpush = Effect.fn("DeliveriesRepo.unpush")(function* (
    before: ReadonlyMap<string, number | null>,
    pushed: number,
  ) {
    for (const [revision, rows] of Map.groupBy(before, ([, value]) => value)) {
      const ids = rows.map(([id]) => id)
      yield* database.run((db) =>
        db
          .updateTable("client")
          .set({ pushed_revision: revision })
          .where("id", "in", ids)
          .where("pushed_revision", "=", pushed)
          .execute(),
      )
    }
  })

  const pushedOnce = Effect.fn("DeliveriesRepo.pushedOnce")((serviceId: string) =>
    database.run(async (db) => {
      const row = await db
        .selectFrom("client")
        .select("id")
        .where("service_id", "=", serviceId)
        .where("pushed_revision", "is not", null)
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
    }),
  )

  const revision = Effect.fn("DeliveriesRepo.revision")((serviceId: string, revision: number) =>
    revisionRow(
      database.run((db) =>
        db
          .selectFrom("endpoint_list")
          .innerJoin("service", "service.id", "endpoint_list.service_id")
          .selectAll("endpoint_list")
          .select("service.name as service")
          .where("service_id", "=", serviceId)
          .where("revision", "=", revision)
          .executeTakeFirst(),
      ),
    ),
  )

  // Read, changed and written as a whole: 200 acks of a push are a few statements, on either engine.
  const record = Effect.fn("DeliveriesRepo.record")((outcomes: ReadonlyArray<Outcome>) =>
    database.transaction(
      database.run(async (db) => {
        const ids = [...new Set(outcomes.map((outcome) => outcome.clientId))]
        for (let at = 0; at < ids.length; at += rowsAtOnce) {
          const some = ids.slice(at, at + rowsAtOnce)
          const before = await db.selectFrom("ack").selectAll().where("client_id", "in", some).execute()
          const rows = new Map(before.map((row) => [row.client_id, row]))
          const concerned = new Set(some)
          for (const outcome of outcomes)
            if (concerned.has(outcome.clientId)) rows.set(outcome.clientId, after(rows.get(outcome.clientId), outcome))
          await db.deleteFrom("ack").where("client_id", "in", some).execute()
          await db
            .insertInto("ack")
            .values([...rows.values()])
            .execute()
        }
      }),
    ),
  )

  const continueNumbers = Effect.fn("DeliveriesRepo.continueNumbers")((serviceId: string, name: string) =>
    database.run(async (db) => {
      const former = await db
        .selectFrom("service")
        .select((eb) => eb.fn.max("last_revision").as("last"))
        .where("name", "=", name)
        .executeTakeFirst()
      await db
        .updateTable("service")
        .set({ last_revision: Number(former?.last ?? 0) })
        .where("id", "=", serviceId)
        .execute()
    }),
  )

  return DeliveriesRepo.of({ dueAt, removedAt, push, unpush, pushedOnce, revision, record, continueNumbers })
})

/** What was pushed to whom, and what came of it. */
export class DeliveriesRepo extends Context.Service<
  DeliveriesRepo,
  {
    /** Of the clients with this address. */
    readonly dueAt: (ip: string) => Effect.Effect<ReadonlyArray<Due>>
    /** Names of services that had a client here that was removed, or were deleted themselves. */
    readonly removedAt: (ip: string) => Effect.Effect<ReadonlyArray<string>>
    /** From now on these clients have to have this revision; with `all`, removed ones too if they come back. Gives what each had to have before. */
    readonly push: (
      serviceId: string,
      clientIds: "all" | ReadonlyArray<string>,
      revision: number,
    ) => Effect.Effect<ReadonlyMap<string, number | null>>
    /** Takes back the push of a revision to these clients, where no newer one was pushed since. */
    readonly unpush: (before: ReadonlyMap<string, number | null>, pushed: number) => Effect.Effect<void>
    /** Whether any client has, or had, something of it. */
    readonly pushedOnce: (serviceId: string) => Effect.Effect<boolean>
    readonly revision: (serviceId: string, revision: number) => Effect.Effect<NamedRevision | undefined>
    /** In order; all in one transaction. */
    readonly record: (outcomes: ReadonlyArray<Outcome>) => Effect.Effect<void>
    /** Revisions of a new service go on after those of a deleted one of its name: nodes may still have its file. */
    readonly continueNumbers: (serviceId: string, name: string) => Effect.Effect<void>
  }
>()("muster/manager/store/DeliveriesRepo") {
  static readonly layer = Layer.effect(DeliveriesRepo, make)
}

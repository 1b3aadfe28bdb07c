import { Clock, Context, Effect, Layer, Schema } from "effect"
import { type Endpoint, Endpoints } from "../../domain/Endpoint.ts"
import { Revision, TlsMode } from "../../domain/EndpointList.ts"
import { newId } from "../../platform/Ids.ts"
import { Database } from "./Database.ts"
import { NotFound, Stale } from "./Errors.ts"
import { decodeRow, decodeRows, TextOrNull } from "./Rows.ts"

const ReleasedRow = Schema.Struct({
  serviceId: Schema.String,
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

/** A published revision. `overrideBy`: who let it pass the guard. */
export type ReleasedList = typeof ReleasedRow.Type

const DraftRow = Schema.Struct({
  serviceId: Schema.String,
  baseRevision: Schema.Int,
  endpoints: Schema.fromJsonString(Endpoints),
  createdAt: Schema.Int,
  createdBy: Schema.String,
}).pipe(
  Schema.encodeKeys({
    serviceId: "service_id",
    baseRevision: "base_revision",
    createdAt: "created_at",
    createdBy: "created_by",
  }),
)

/** A list being edited. `baseRevision` was the released one when it was first saved, 0: none. */
export type DraftList = typeof DraftRow.Type

export type Release = {
  readonly endpoints: ReadonlyArray<Endpoint>
  readonly tls: TlsMode
  readonly by: string
  /** Refuse when another revision than this one is released now (0: none). */
  readonly base?: number
  readonly override?: { readonly by: string; readonly reason: string }
  /** The draft is what is released: it goes. Without this a draft stays as it is. */
  readonly dropDraft?: boolean
}

const releasedRows = decodeRows(ReleasedRow)
const releasedRow = decodeRow(ReleasedRow)
const draftRow = decodeRow(DraftRow)

const make = Effect.gen(function* () {
  const database = yield* Database

  const released = Effect.fn("ListsRepo.released")((serviceId: string) =>
    releasedRow(
      database.run((db) =>
        db
          .selectFrom("endpoint_list")
          .selectAll()
          .where("service_id", "=", serviceId)
          .where("state", "=", "released")
          .executeTakeFirst(),
      ),
    ),
  )

  const allReleased = releasedRows(
    database.run((db) =>
      db
        .selectFrom("endpoint_list")
        .innerJoin("service", "service.id", "endpoint_list.service_id")
        .selectAll("endpoint_list")
        .where("endpoint_list.state", "=", "released")
        .where("service.deleted_at", "is", null)
        .execute(),
    ),
  )

  const history = Effect.fn("ListsRepo.history")((serviceId: string, limit: number) =>
    releasedRows(
      database.run((db) =>
        db
          .selectFrom("endpoint_list")
          .selectAll()
          .where("service_id", "=", serviceId)
          .where("revision", "is not", null)
          .orderBy("revision", "desc")
          .limit(limit)
          .execute(),
      ),
    ),
  )

  const draft = Effect.fn("ListsRepo.draft")((serviceId: string) =>
    draftRow(
      database.run((db) =>
        db
          .selectFrom("endpoint_list")
          .selectAll()
          .where("service_id", "=", serviceId)
          .where("state", "=", "draft")
          .executeTakeFirst(),
      ),
    ),
  )

  const dropDraft = (serviceId: string) =>
    database.run((db) =>
      db
        .deleteFrom("endpoint_list")
        .where("service_id", "=", serviceId)
        .where("state", "=", "draft")
        .executeTakeFirst(),
    )

  // Raising the counter first locks the service's row until the end: two releases at once wait for each other.
  const lockService = Effect.fnUntraced(function* (serviceId: string, step: 0 | 1) {
    const updated = yield* database.run((db) =>
      db
        .updateTable("service")
        .set((eb) => ({ last_revision: eb("last_revision", "+", step) }))
        .where("id", "=", serviceId)
        .where("deleted_at", "is", null)
        .executeTakeFirst(),
    )
    if (updated.numUpdatedRows === 0n) return yield* new NotFound({ what: "service", id: serviceId })
    const { last_revision, tls } = yield* database.run((db) =>
      db.selectFrom("service").select(["last_revision", "tls"]).where("id", "=", serviceId).executeTakeFirstOrThrow(),
    )
    return { revision: Number(last_revision), tls }
  })

  const saveDraft = Effect.fn("ListsRepo.saveDraft")(function* (
    serviceId: string,
    endpoints: ReadonlyArray<Endpoint>,
    by: string,
  ) {
    const now = yield* Clock.currentTimeMillis
    const save = Effect.gen(function* () {
      const { tls } = yield* lockService(serviceId, 0)
      const before = yield* draft(serviceId)
      const baseRevision = before?.baseRevision ?? (yield* released(serviceId))?.revision ?? 0
      yield* dropDraft(serviceId)
      yield* database.run((db) =>
        db
          .insertInto("endpoint_list")
          .values({
            id: newId(),
            service_id: serviceId,
            revision: null,
            base_revision: baseRevision,
            state: "draft",
            tls,
            endpoints: JSON.stringify(endpoints),
            override_by: null,
            override_reason: null,
            created_at: now,
            created_by: by,
            released_at: null,
            released_by: null,
          })
          .execute(),
      )
      return { serviceId, baseRevision, endpoints, createdAt: now, createdBy: by } satisfies DraftList
    })
    return yield* database.transaction(save)
  })

  const discardDraft = Effect.fn("ListsRepo.discardDraft")(function* (serviceId: string) {
    const deleted = yield* dropDraft(serviceId)
    if (deleted.numDeletedRows === 0n) return yield* new NotFound({ what: "draft", id: serviceId })
  })

  const release = Effect.fn("ListsRepo.release")(function* (serviceId: string, input: Release) {
    const now = yield* Clock.currentTimeMillis
    const { endpoints, tls, by, override } = input
    const publish = Effect.gen(function* () {
      const { revision } = yield* lockService(serviceId, 1)
      const before = yield* released(serviceId)
      if (input.base !== undefined && input.base !== (before?.revision ?? 0))
        return yield* new Stale({
          baseRevision: input.base,
          revision: before?.revision ?? 0,
          by: before?.releasedBy ?? "",
        })
      if (input.dropDraft === true) yield* dropDraft(serviceId)
      yield* database.run((db) =>
        db
          .updateTable("endpoint_list")
          .set({ state: "superseded" })
          .where("service_id", "=", serviceId)
          .where("state", "=", "released")
          .execute(),
      )
      const list: ReleasedList = {
        serviceId,
        revision,
        tls,
        endpoints,
        overrideBy: override?.by ?? null,
        overrideReason: override?.reason ?? null,
        releasedAt: now,
        releasedBy: by,
      }
      yield* database.run((db) =>
        db
          .insertInto("endpoint_list")
          .values({
            id: newId(),
            service_id: serviceId,
            revision,
            base_revision: before?.revision ?? 0,
            state: "released",
            tls,
            endpoints: JSON.stringify(endpoints),
            override_by: list.overrideBy,
            override_reason: list.overrideReason,
            created_at: now,
            created_by: by,
            released_at: now,
            released_by: by,
          })
          .execute(),
      )
      yield* database.run((db) =>
        db.updateTable("service").set({ modified_at: now, modified_by: by }).where("id", "=", serviceId).execute(),
      )
      return list
    })
    return yield* database.transaction(publish)
  })

  return ListsRepo.of({ released, allReleased, history, draft, saveDraft, discardDraft, release })
})

/** Endpoint lists: per service one released revision, those before it, and at most one draft. */
export class ListsRepo extends Context.Service<
  ListsRepo,
  {
    readonly released: (serviceId: string) => Effect.Effect<ReleasedList | undefined>
    /** Of all services that are not deleted. */
    readonly allReleased: Effect.Effect<ReadonlyArray<ReleasedList>>
    /** The newest revisions first, the released one among them. */
    readonly history: (serviceId: string, limit: number) => Effect.Effect<ReadonlyArray<ReleasedList>>
    readonly draft: (serviceId: string) => Effect.Effect<DraftList | undefined>
    /** Replaces the draft; its `baseRevision` stays that of the first save. */
    readonly saveDraft: (
      serviceId: string,
      endpoints: ReadonlyArray<Endpoint>,
      by: string,
    ) => Effect.Effect<DraftList, NotFound>
    readonly discardDraft: (serviceId: string) => Effect.Effect<void, NotFound>
    /** Publishes the next revision; the one before is superseded. Also marks the service as modified. */
    readonly release: (serviceId: string, input: Release) => Effect.Effect<ReleasedList, NotFound | Stale>
  }
>()("muster/manager/store/ListsRepo") {
  static readonly layer = Layer.effect(ListsRepo, make)
}

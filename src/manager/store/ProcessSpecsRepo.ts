import { Clock, Context, Effect, Layer, Schema } from "effect"
import { Revision } from "../../domain/EndpointList.ts"
import { type PlacePlan, type ProcessPlan, revisionsInUse } from "../../domain/ProcessPlan.ts"
import { Desired, NamelessSpec, type ProcessSpec } from "../../domain/ProcessSpec.ts"
import { ServiceName } from "../../domain/ServiceName.ts"
import { Database, upsert } from "./Database.ts"
import { NotFound, Stale } from "./Errors.ts"
import { decodeRows } from "./Rows.ts"

const encodeSpec = Schema.encodeEffect(Schema.fromJsonString(NamelessSpec))

const heads = decodeRows(
  Schema.Struct({
    serviceId: Schema.String,
    name: ServiceName,
    revision: Revision,
    pushed: Schema.NullOr(Revision),
    desired: Desired,
  }).pipe(Schema.encodeKeys({ serviceId: "service_id", pushed: "pushed_revision" })),
)
const specs = decodeRows(
  Schema.Struct({
    serviceId: Schema.String,
    revision: Revision,
    spec: Schema.fromJsonString(NamelessSpec),
    at: Schema.Int,
    by: Schema.String,
  }).pipe(Schema.encodeKeys({ serviceId: "service_id", at: "created_at", by: "created_by" })),
)
const places = decodeRows(
  Schema.Struct({
    serviceId: Schema.String,
    ip: Schema.String,
    revision: Schema.NullOr(Revision),
    desired: Schema.NullOr(Desired),
  }).pipe(Schema.encodeKeys({ serviceId: "service_id" })),
)

/** How a service is run. `revision` grows with each spec that is saved, also over a removal. */
export type StoredSpec = ProcessPlan & {
  readonly serviceId: string
  /** The newest that was saved. */
  readonly spec: ProcessSpec
  readonly modifiedAt: number
  readonly modifiedBy: string
}

/** Addresses of some places, or all of them. */
export type Places = "all" | ReadonlyArray<string>

const make = Effect.gen(function* () {
  const database = yield* Database

  const headsOf = (serviceId: string | undefined) =>
    heads(
      database.run((db) =>
        db
          .selectFrom("process")
          .innerJoin("service", "service.id", "process.service_id")
          .selectAll("process")
          .select("service.name")
          .where("service.deleted_at", "is", null)
          .$if(serviceId !== undefined, (query) => query.where("process.service_id", "=", serviceId ?? ""))
          .execute(),
      ),
    )

  /** Of one service, or of all that are not deleted: three queries, whatever their number. */
  const read = Effect.fnUntraced(function* (serviceId: string | undefined) {
    const found = yield* headsOf(serviceId)
    const otherwise = yield* places(
      database.run((db) =>
        db
          .selectFrom("process_place")
          .selectAll()
          .$if(serviceId !== undefined, (query) => query.where("service_id", "=", serviceId ?? ""))
          .execute(),
      ),
    )
    const saved = yield* specs(
      database.run((db) =>
        db
          .selectFrom("process_revision")
          .innerJoin("process", "process.service_id", "process_revision.service_id")
          .selectAll("process_revision")
          .$if(serviceId !== undefined, (query) => query.where("process.service_id", "=", serviceId ?? ""))
          .where((eb) =>
            eb.or([
              eb("process_revision.revision", "=", eb.ref("process.revision")),
              eb("process_revision.revision", "=", eb.ref("process.pushed_revision")),
              eb.exists(
                eb
                  .selectFrom("process_place")
                  .select("process_place.ip")
                  .whereRef("process_place.service_id", "=", "process_revision.service_id")
                  .whereRef("process_place.revision", "=", "process_revision.revision"),
              ),
            ]),
          )
          .execute(),
      ),
    )
    return found.flatMap(({ name, ...head }): ReadonlyArray<StoredSpec> => {
      const own = saved.filter((one) => one.serviceId === head.serviceId)
      const newest = own.find((one) => one.revision === head.revision)
      if (newest === undefined) return []
      const named = (spec: NamelessSpec): ProcessSpec => ({ service: name, ...spec, desired: head.desired })
      const here = otherwise.filter((place) => place.serviceId === head.serviceId)
      return [
        {
          ...head,
          spec: named(newest.spec),
          modifiedAt: newest.at,
          modifiedBy: newest.by,
          revisions: new Map(own.map(({ revision, spec }) => [revision, named(spec)])),
          places: new Map(here.map(({ desired, ip, revision }): [string, PlacePlan] => [ip, { desired, revision }])),
        },
      ]
    })
  })

  const get = Effect.fn("ProcessSpecsRepo.get")((serviceId: string) => Effect.map(read(serviceId), ([found]) => found))

  const existing = Effect.fnUntraced(function* (serviceId: string) {
    return (yield* get(serviceId)) ?? (yield* new NotFound({ what: "process", id: serviceId }))
  })

  /** What a change of what is wanted or pushed begins from: without the specs. */
  const headOf = Effect.fnUntraced(function* (serviceId: string) {
    const [found] = yield* headsOf(serviceId)
    return found ?? (yield* new NotFound({ what: "process", id: serviceId }))
  })

  const save = Effect.fnUntraced(function* (serviceId: string, spec: NamelessSpec, by: string) {
    const text = yield* Effect.orDie(encodeSpec(spec))
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
    const revision = Number(service.last_spec_revision)
    const row = {
      service_id: serviceId,
      revision,
      spec: text,
      created_at: yield* Clock.currentTimeMillis,
      created_by: by,
    }
    yield* database.run((db) => db.insertInto("process_revision").values(row).execute())
    return revision
  })

  /** Gives places something of their own; what says nothing any more goes. */
  const setPlaces = Effect.fnUntraced(function* (
    serviceId: string,
    ips: Places,
    change: { readonly revision: number | null } | { readonly desired: Desired | null },
    by: string,
  ) {
    const values = { ...change, modified_at: yield* Clock.currentTimeMillis, modified_by: by }
    if (ips === "all")
      yield* database.run((db) =>
        db.updateTable("process_place").set(values).where("service_id", "=", serviceId).executeTakeFirst(),
      )
    else
      for (const ip of new Set(ips))
        yield* upsert(
          database,
          (db) =>
            db
              .updateTable("process_place")
              .set(values)
              .where("service_id", "=", serviceId)
              .where("ip", "=", ip)
              .executeTakeFirst(),
          (db) =>
            db
              .insertInto("process_place")
              .values({ service_id: serviceId, ip, revision: null, desired: null, ...values })
              .execute(),
        )
    yield* database.run((db) =>
      db
        .deleteFrom("process_place")
        .where("service_id", "=", serviceId)
        .where("revision", "is", null)
        .where("desired", "is", null)
        .execute(),
    )
  })

  const setHead = (serviceId: string, change: { revision?: number; pushed_revision?: number; desired?: Desired }) =>
    database.run((db) => db.updateTable("process").set(change).where("service_id", "=", serviceId).executeTakeFirst())

  const push = Effect.fn("ProcessSpecsRepo.push")(function* (
    serviceId: string,
    revision: number,
    ips: Places,
    by: string,
  ) {
    const { pushed } = yield* headOf(serviceId)
    const known = yield* database.run((db) =>
      db
        .selectFrom("process_revision")
        .select("revision")
        .where("service_id", "=", serviceId)
        .where("revision", "=", revision)
        .executeTakeFirst(),
    )
    if (known === undefined) return yield* new NotFound({ what: "process revision", id: String(revision) })
    if (ips === "all") yield* setHead(serviceId, { pushed_revision: revision })
    yield* setPlaces(serviceId, ips, { revision: ips === "all" || revision === pushed ? null : revision }, by)
  }, database.transaction)

  const want = Effect.fn("ProcessSpecsRepo.want")(function* (
    serviceId: string,
    desired: Desired,
    ips: Places,
    by: string,
  ) {
    const before = yield* headOf(serviceId)
    if (ips === "all") yield* setHead(serviceId, { desired })
    yield* setPlaces(serviceId, ips, { desired: ips === "all" || desired === before.desired ? null : desired }, by)
  }, database.transaction)

  const savedBy = Effect.fnUntraced(function* (serviceId: string, revision: number) {
    const saved = yield* database.run((db) =>
      db
        .selectFrom("process_revision")
        .select("created_by")
        .where("service_id", "=", serviceId)
        .where("revision", "=", revision)
        .executeTakeFirst(),
    )
    return saved?.created_by ?? ""
  })

  const set = Effect.fn("ProcessSpecsRepo.set")(function* (
    serviceId: string,
    spec: NamelessSpec,
    by: string,
    { base, pushed = true }: SetOptions = {},
  ) {
    const { desired } = spec
    const revision = yield* save(serviceId, spec, by)
    const before = yield* database.run((db) =>
      db.selectFrom("process").select(["desired", "revision"]).where("service_id", "=", serviceId).executeTakeFirst(),
    )
    const newest = Number(before?.revision ?? 0)
    if (base !== undefined && base !== newest)
      return yield* new Stale({ baseRevision: base, revision: newest, by: yield* savedBy(serviceId, newest) })
    if (before === undefined)
      yield* database.run((db) =>
        db.insertInto("process").values({ service_id: serviceId, revision, pushed_revision: null, desired }).execute(),
      )
    else yield* setHead(serviceId, { revision })
    if (before !== undefined && before.desired !== desired) yield* want(serviceId, desired, "all", by)
    if (pushed) yield* push(serviceId, revision, "all", by)
    return revision
  }, database.transaction)

  const change = Effect.fn("ProcessSpecsRepo.change")(function* (
    serviceId: string,
    to: (spec: ProcessSpec) => ProcessSpec,
    by: string,
  ) {
    const before = yield* existing(serviceId)
    for (const revision of revisionsInUse(before)) {
      const spec = before.revisions.get(revision)
      if (spec === undefined) continue
      const { service: _, ...rest } = to(spec)
      const next = yield* save(serviceId, rest, by)
      if (revision === before.revision) yield* setHead(serviceId, { revision: next })
      if (revision === before.pushed) yield* setHead(serviceId, { pushed_revision: next })
      const own = [...before.places].filter(([, place]) => place.revision === revision).map(([ip]) => ip)
      if (own.length > 0) yield* setPlaces(serviceId, own, { revision: next }, by)
    }
  }, database.transaction)

  const remove = Effect.fn("ProcessSpecsRepo.remove")(function* (serviceId: string) {
    yield* database.run((db) => db.deleteFrom("process_place").where("service_id", "=", serviceId).execute())
    yield* database.run((db) => db.deleteFrom("process_revision").where("service_id", "=", serviceId).execute())
    const deleted = yield* database.run((db) =>
      db.deleteFrom("process").where("service_id", "=", serviceId).executeTakeFirst(),
    )
    return deleted.numDeletedRows > 0n
  }, database.transaction)

  return ProcessSpecsRepo.of({ all: read(undefined), get, set, push, want, change, remove })
})

export type SetOptions = {
  readonly pushed?: boolean
  /** The revision that the edit began from, 0: there was none; left out: whatever there is. */
  readonly base?: number | undefined
}

/** How the processes of services are run, and where otherwise than everywhere. */
export class ProcessSpecsRepo extends Context.Service<
  ProcessSpecsRepo,
  {
    /** Of all services that are not deleted. */
    readonly all: Effect.Effect<ReadonlyArray<StoredSpec>>
    readonly get: (serviceId: string) => Effect.Effect<StoredSpec | undefined>
    /**
     * Saves a revision, which every node gets unless `pushed` is false, and gives its number. Another `desired` than before
     * counts for all places, whatever is pushed.
     */
    readonly set: (
      serviceId: string,
      spec: NamelessSpec,
      by: string,
      options?: SetOptions,
    ) => Effect.Effect<number, NotFound | Stale>
    /** Gives a saved revision to places, or to all, which then have it alike. */
    readonly push: (serviceId: string, revision: number, places: Places, by: string) => Effect.Effect<void, NotFound>
    /** Whether it is to run at these places, or at all, whatever was wanted of one before. */
    readonly want: (serviceId: string, desired: Desired, places: Places, by: string) => Effect.Effect<void, NotFound>
    /** Saves a changed copy of each revision that is in use, in its place: what was held back stays so. */
    readonly change: (
      serviceId: string,
      to: (spec: ProcessSpec) => ProcessSpec,
      by: string,
    ) => Effect.Effect<void, NotFound>
    /** false: there was none. */
    readonly remove: (serviceId: string) => Effect.Effect<boolean>
  }
>()("muster/manager/store/ProcessSpecsRepo") {
  static readonly layer = Layer.effect(ProcessSpecsRepo, make)
}

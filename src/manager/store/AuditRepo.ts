import { Clock, Context, Effect, Layer, Schema } from "effect"
import { newId } from "../../platform/Ids.ts"
import { Database } from "./Database.ts"
import { decodeRows } from "./Rows.ts"

const Detail = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json))
const encodeDetail = Schema.encodeEffect(Detail)

const Row = Schema.Struct({
  id: Schema.String,
  at: Schema.Int,
  who: Schema.String,
  what: Schema.String,
  object: Schema.String,
  detail: Detail,
})

/** Who did what to what, and when. */
export type AuditEntry = typeof Row.Type

const rows = decodeRows(Row)

const make = Effect.gen(function* () {
  const database = yield* Database

  const add = Effect.fn("AuditRepo.add")(function* (entry: Omit<AuditEntry, "id" | "at">) {
    const at = yield* Clock.currentTimeMillis
    const detail = yield* Effect.orDie(encodeDetail(entry.detail))
    yield* database.run((db) =>
      db
        .insertInto("audit")
        .values({ id: newId(), at, who: entry.who, what: entry.what, object: entry.object, detail })
        .execute(),
    )
  })

  const newest = Effect.fn("AuditRepo.newest")((limit: number) =>
    rows(
      database.run((db) =>
        db.selectFrom("audit").selectAll().orderBy("at", "desc").orderBy("id", "desc").limit(limit).execute(),
      ),
    ),
  )

  return AuditRepo.of({ add, newest })
})

/** The record of what people did. Written in the transaction of the change itself. */
export class AuditRepo extends Context.Service<
  AuditRepo,
  {
    /** `what`: a verb such as `service.release`; `object`: such as `service:<id>`; no secrets in `detail`. */
    readonly add: (entry: Omit<AuditEntry, "id" | "at">) => Effect.Effect<void>
    readonly newest: (limit: number) => Effect.Effect<ReadonlyArray<AuditEntry>>
  }
>()("muster/manager/store/AuditRepo") {
  static readonly layer = Layer.effect(AuditRepo, make)
}

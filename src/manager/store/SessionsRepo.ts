import { Clock, Context, Effect, Layer, Schema } from "effect"
import { Database } from "./Database.ts"
import { decodeRow } from "./Rows.ts"

const Row = Schema.Struct({
  idHash: Schema.String,
  userId: Schema.String,
  createdAt: Schema.Int,
  seenAt: Schema.Int,
  expiresAt: Schema.Int,
}).pipe(
  Schema.encodeKeys({
    idHash: "id_hash",
    userId: "user_id",
    createdAt: "created_at",
    seenAt: "seen_at",
    expiresAt: "expires_at",
  }),
)

/** A browser that is logged in. */
export type StoredSession = typeof Row.Type

const row = decodeRow(Row)

const make = Effect.gen(function* () {
  const database = yield* Database

  const find = Effect.fn("SessionsRepo.find")((idHash: string) =>
    row(database.run((db) => db.selectFrom("session").selectAll().where("id_hash", "=", idHash).executeTakeFirst())),
  )

  const create = Effect.fn("SessionsRepo.create")(function* (session: StoredSession) {
    yield* database.run((db) =>
      db
        .insertInto("session")
        .values({
          id_hash: session.idHash,
          user_id: session.userId,
          created_at: session.createdAt,
          seen_at: session.seenAt,
          expires_at: session.expiresAt,
        })
        .execute(),
    )
  })

  const touch = Effect.fn("SessionsRepo.touch")(function* (idHash: string) {
    const now = yield* Clock.currentTimeMillis
    yield* database.run((db) => db.updateTable("session").set({ seen_at: now }).where("id_hash", "=", idHash).execute())
  })

  const remove = Effect.fn("SessionsRepo.remove")(function* (idHash: string) {
    yield* database.run((db) => db.deleteFrom("session").where("id_hash", "=", idHash).execute())
  })

  const removeOthers = Effect.fn("SessionsRepo.removeOthers")(function* (userId: string, keptIdHash: string) {
    yield* database.run((db) =>
      db.deleteFrom("session").where("user_id", "=", userId).where("id_hash", "!=", keptIdHash).execute(),
    )
  })

  const prune = Effect.fn("SessionsRepo.prune")(function* (seenBefore: number) {
    const now = yield* Clock.currentTimeMillis
    yield* database.run((db) =>
      db
        .deleteFrom("session")
        .where((eb) => eb.or([eb("expires_at", "<=", now), eb("seen_at", "<=", seenBefore)]))
        .execute(),
    )
  })

  return SessionsRepo.of({ find, create, touch, remove, removeOthers, prune })
})

/** Browsers that are logged in, by the hash of their id. */
export class SessionsRepo extends Context.Service<
  SessionsRepo,
  {
    readonly find: (idHash: string) => Effect.Effect<StoredSession | undefined>
    readonly create: (session: StoredSession) => Effect.Effect<void>
    readonly touch: (idHash: string) => Effect.Effect<void>
    readonly remove: (idHash: string) => Effect.Effect<void>
    readonly removeOthers: (userId: string, keptIdHash: string) => Effect.Effect<void>
    /** Drops what has expired or was last seen before a time. */
    readonly prune: (seenBefore: number) => Effect.Effect<void>
  }
>()("muster/manager/store/SessionsRepo") {
  static readonly layer = Layer.effect(SessionsRepo, make)
}

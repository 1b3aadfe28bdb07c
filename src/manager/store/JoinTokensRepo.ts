import { Clock, Context, Data, Effect, Layer, Schema } from "effect"
import { Database } from "./Database.ts"
import { NotFound } from "./Errors.ts"
import { decodeRow, decodeRows, TextOrNull, TimeOrNull } from "./Rows.ts"

const Row = Schema.Struct({
  id: Schema.String,
  secretHash: Schema.String,
  kind: Schema.Literals(["once", "many"]),
  createdAt: Schema.Int,
  createdBy: Schema.String,
  expiresAt: Schema.Int,
  usedAt: TimeOrNull,
  usedByNode: TextOrNull,
  revokedAt: TimeOrNull,
}).pipe(
  Schema.encodeKeys({
    secretHash: "secret_hash",
    createdAt: "created_at",
    createdBy: "created_by",
    expiresAt: "expires_at",
    usedAt: "used_at",
    usedByNode: "used_by_node",
    revokedAt: "revoked_at",
  }),
)

/** What lets a node join. `once`: one node; `many`: any number until it expires (`usedAt`: the last time). */
export type JoinToken = typeof Row.Type

export type NewJoinToken = {
  readonly id: string
  /** sha256Hex of the secret. */
  readonly secretHash: string
  readonly kind: JoinToken["kind"]
  readonly expiresAt: number
}

/** The token is there, and lets nobody in. */
export class TokenSpent extends Data.TaggedError("TokenSpent")<{
  readonly reason: "unknown" | "used" | "expired" | "revoked"
}> {
  override get message() {
    return `The token is ${this.reason}`
  }
}

const rows = decodeRows(Row)
const row = decodeRow(Row)

const spentReason = (token: JoinToken | undefined, now: number): TokenSpent["reason"] => {
  if (token === undefined) return "unknown"
  if (token.revokedAt !== null) return "revoked"
  return token.expiresAt <= now ? "expired" : "used"
}

const make = Effect.gen(function* () {
  const database = yield* Database

  const list = rows(
    database.run((db) => db.selectFrom("join_token").selectAll().orderBy("created_at", "desc").execute()),
  )

  const find = Effect.fn("JoinTokensRepo.find")((id: string) =>
    row(database.run((db) => db.selectFrom("join_token").selectAll().where("id", "=", id).executeTakeFirst())),
  )

  const create = Effect.fn("JoinTokensRepo.create")(function* (token: NewJoinToken, by: string) {
    const now = yield* Clock.currentTimeMillis
    const { id, secretHash, kind, expiresAt } = token
    yield* database.run((db) =>
      db
        .insertInto("join_token")
        .values({
          id,
          secret_hash: secretHash,
          kind,
          created_at: now,
          created_by: by,
          expires_at: expiresAt,
          used_at: null,
          used_by_node: null,
          revoked_at: null,
        })
        .execute(),
    )
    const open = { usedAt: null, usedByNode: null, revokedAt: null }
    return { ...token, createdAt: now, createdBy: by, ...open } satisfies JoinToken
  })

  const use = Effect.fn("JoinTokensRepo.use")(function* (id: string, nodeId: string) {
    const now = yield* Clock.currentTimeMillis
    const updated = yield* database.run((db) =>
      db
        .updateTable("join_token")
        .set({ used_at: now, used_by_node: nodeId })
        .where("id", "=", id)
        .where("revoked_at", "is", null)
        .where("expires_at", ">", now)
        .where((eb) => eb.or([eb("kind", "=", "many"), eb("used_at", "is", null), eb("used_by_node", "=", nodeId)]))
        .executeTakeFirst(),
    )
    if (updated.numUpdatedRows === 0n) return yield* new TokenSpent({ reason: spentReason(yield* find(id), now) })
  })

  const revoke = Effect.fn("JoinTokensRepo.revoke")(function* (id: string) {
    const now = yield* Clock.currentTimeMillis
    const updated = yield* database.run((db) =>
      db
        .updateTable("join_token")
        .set({ revoked_at: now })
        .where("id", "=", id)
        .where("revoked_at", "is", null)
        .executeTakeFirst(),
    )
    if (updated.numUpdatedRows === 0n) return yield* new NotFound({ what: "token", id })
  })

  return JoinTokensRepo.of({ list, find, create, use, revoke })
})

/** What lets nodes join. */
export class JoinTokensRepo extends Context.Service<
  JoinTokensRepo,
  {
    /** The newest first. */
    readonly list: Effect.Effect<ReadonlyArray<JoinToken>>
    readonly find: (id: string) => Effect.Effect<JoinToken | undefined>
    readonly create: (token: NewJoinToken, by: string) => Effect.Effect<JoinToken>
    /**
     * Marks it as used by a node, which must be stored before in the same transaction. Of two nodes that come at once with
     * a one-time token, one is refused.
     */
    readonly use: (id: string, nodeId: string) => Effect.Effect<void, TokenSpent>
    readonly revoke: (id: string) => Effect.Effect<void, NotFound>
  }
>()("muster/manager/store/JoinTokensRepo") {
  static readonly layer = Layer.effect(JoinTokensRepo, make)
}

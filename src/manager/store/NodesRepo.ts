import { Clock, Context, Effect, Layer, Schema } from "effect"
import { newId } from "../../platform/Ids.ts"
import { Database, upsert } from "./Database.ts"
import { Conflict, NotFound } from "./Errors.ts"
import { decodeRow, decodeRows, TextOrNull, TimeOrNull } from "./Rows.ts"
import { SettingsRepo } from "./SettingsRepo.ts"

const Row = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  ip: Schema.String,
  port: Schema.Int,
  certificateSerial: Schema.String,
  version: TextOrNull,
  joinedAt: Schema.Int,
  lastSeenAt: TimeOrNull,
  revokedAt: TimeOrNull,
  revokedBy: TextOrNull,
}).pipe(
  Schema.encodeKeys({
    certificateSerial: "certificate_serial",
    joinedAt: "joined_at",
    lastSeenAt: "last_seen_at",
    revokedAt: "revoked_at",
    revokedBy: "revoked_by",
  }),
)

/** A host that has joined. `certificateSerial` is lower-case hex; a revoked node's is refused everywhere. */
export type Node = typeof Row.Type

export type NewNode = {
  /** From newId(): it is in the certificate before it is here. */
  readonly id: string
  readonly name: string
  readonly ip: string
  readonly port: number
  readonly certificateSerial: string
  readonly version: string | null
}

const rows = decodeRows(Row)
const row = decodeRow(Row)
const versionMax = 64
const trustCounter = "trust_revision"

const make = Effect.gen(function* () {
  const database = yield* Database
  const settings = yield* SettingsRepo

  const list = rows(
    database.run((db) =>
      db.selectFrom("node").selectAll().where("forgotten_at", "is", null).orderBy("name").orderBy("id").execute(),
    ),
  )

  const active = rows(
    database.run((db) =>
      db.selectFrom("node").selectAll().where("revoked_at", "is", null).orderBy("name").orderBy("id").execute(),
    ),
  )

  const get = Effect.fn("NodesRepo.get")(function* (id: string) {
    const found = yield* row(
      database.run((db) => db.selectFrom("node").selectAll().where("id", "=", id).executeTakeFirst()),
    )
    return found ?? (yield* new NotFound({ what: "node", id }))
  })

  const add = Effect.fn("NodesRepo.add")(function* (node: NewNode) {
    const now = yield* Clock.currentTimeMillis
    const { id, name, ip, port, certificateSerial, version } = node
    yield* database
      .query((db) =>
        db
          .insertInto("node")
          .values({
            id,
            name,
            ip,
            port,
            certificate_serial: certificateSerial,
            version,
            joined_at: now,
            last_seen_at: null,
            revoked_at: null,
            revoked_by: null,
            forgotten_at: null,
          })
          .execute(),
      )
      .pipe(
        Effect.catch((error) =>
          error.kind === "conflict"
            ? new Conflict({ field: "ip", value: ip, reason: `Another joined node has the address ${ip} port ${port}` })
            : Effect.die(error),
        ),
      )
    return { ...node, joinedAt: now, lastSeenAt: null, revokedAt: null, revokedBy: null } satisfies Node
  })

  const renew = Effect.fn("NodesRepo.renew")(function* (node: NewNode) {
    const swap = Effect.gen(function* () {
      const before = yield* get(node.id)
      const taken = new Conflict({
        field: "ip",
        value: node.ip,
        reason: `Another joined node has the address ${node.ip} port ${node.port}`,
      })
      const updated = yield* database
        .query((db) =>
          db
            .updateTable("node")
            .set({ certificate_serial: node.certificateSerial, port: node.port, version: node.version })
            .where("id", "=", node.id)
            .where("revoked_at", "is", null)
            .executeTakeFirst(),
        )
        .pipe(Effect.catch((error) => (error.kind === "conflict" ? taken : Effect.die(error))))
      // Revoked in between: it must not get in by a certificate that nobody would refuse.
      if (updated.numUpdatedRows === 0n) return yield* new NotFound({ what: "node", id: node.id })
      const former = yield* add({ ...before, id: newId(), port: 0 })
      yield* revoke(former.id, "muster")
      yield* forget(former.id)
    })
    return yield* database.transaction(swap)
  })

  const seen = Effect.fn("NodesRepo.seen")(function* (id: string, version: string) {
    const now = yield* Clock.currentTimeMillis
    yield* database.run((db) =>
      // A node may say of itself what it likes; the column is not endless.
      db
        .updateTable("node")
        .set({ last_seen_at: now, version: version.slice(0, versionMax) })
        .where("id", "=", id)
        .execute(),
    )
  })

  const revoke = Effect.fn("NodesRepo.revoke")(function* (id: string, by: string) {
    const now = yield* Clock.currentTimeMillis
    const mark = Effect.gen(function* () {
      const updated = yield* database.run((db) =>
        db
          .updateTable("node")
          .set({ revoked_at: now, revoked_by: by })
          .where("id", "=", id)
          .where("revoked_at", "is", null)
          .executeTakeFirst(),
      )
      if (updated.numUpdatedRows === 0n) return yield* new NotFound({ what: "node", id })
      yield* settings.next(trustCounter)
    })
    return yield* database.transaction(mark)
  })

  const forget = Effect.fn("NodesRepo.forget")(function* (id: string) {
    const now = yield* Clock.currentTimeMillis
    const updated = yield* database.run((db) =>
      db
        .updateTable("node")
        .set({ forgotten_at: now })
        .where("id", "=", id)
        .where("revoked_at", "is not", null)
        .executeTakeFirst(),
    )
    if (updated.numUpdatedRows === 0n) return yield* new NotFound({ what: "node", id })
  })

  const trust = database.transaction(
    Effect.gen(function* () {
      const revocations = Number((yield* settings.get(trustCounter)) ?? 0)
      const revoked = yield* database.run((db) =>
        db
          .selectFrom("node")
          .select("certificate_serial")
          .where("revoked_at", "is not", null)
          .orderBy("certificate_serial")
          .execute(),
      )
      return { revision: revocations + 1, revoked: revoked.map((node) => node.certificate_serial) }
    }),
  )

  const assignment = Effect.fn("NodesRepo.assignment")((nodeId: string, digest: string) =>
    database.transaction(
      Effect.gen(function* () {
        yield* upsert(
          database,
          (db) =>
            db
              .updateTable("node_assignment")
              // The digest comes last: MySQL would compare with the new one.
              .set((eb) => ({
                revision: eb(
                  "revision",
                  "+",
                  eb.case().when("digest", "=", digest).then(eb.lit(0)).else(eb.lit(1)).end(),
                ),
                digest,
              }))
              .where("node_id", "=", nodeId)
              .executeTakeFirst(),
          (db) => db.insertInto("node_assignment").values({ node_id: nodeId, revision: 1, digest }).execute(),
        )
        const row = yield* database.run((db) =>
          db.selectFrom("node_assignment").select("revision").where("node_id", "=", nodeId).executeTakeFirstOrThrow(),
        )
        return Number(row.revision)
      }),
    ),
  )

  return NodesRepo.of({ list, active, get, add, renew, seen, revoke, forget, trust, assignment })
})

/** The hosts that have joined. */
export class NodesRepo extends Context.Service<
  NodesRepo,
  {
    /** Revoked ones too, by name; without forgotten ones. */
    readonly list: Effect.Effect<ReadonlyArray<Node>>
    /** Those that are not revoked. */
    readonly active: Effect.Effect<ReadonlyArray<Node>>
    /** Also a revoked or forgotten one. */
    readonly get: (id: string) => Effect.Effect<Node, NotFound>
    /** No two nodes that are not revoked have one ip and port. */
    readonly add: (node: NewNode) => Effect.Effect<Node, Conflict>
    /** A node that joined again: its former certificate is refused from now on, in a row that is forgotten already. */
    readonly renew: (node: NewNode) => Effect.Effect<void, NotFound | Conflict>
    readonly seen: (id: string, version: string) => Effect.Effect<void>
    /** For good. NotFound also when it is revoked already. */
    readonly revoke: (id: string, by: string) => Effect.Effect<void, NotFound>
    /** Takes a revoked node off the list; its certificate stays refused. */
    readonly forget: (id: string) => Effect.Effect<void, NotFound>
    /** What all nodes must refuse: a new revision with each revocation, from 1. */
    readonly trust: Effect.Effect<{ readonly revision: number; readonly revoked: ReadonlyArray<string> }>
    /** The revision of what a node has to run: the last one while the digest is the same, a new one otherwise. */
    readonly assignment: (nodeId: string, digest: string) => Effect.Effect<number>
  }
>()("muster/manager/store/NodesRepo") {
  static readonly layer = Layer.effect(NodesRepo, make)
}

import { Clock, Context, Effect, Layer, Schema } from "effect"
import { newId } from "../../platform/Ids.ts"
import { Database } from "./Database.ts"
import { Conflict, NotFound } from "./Errors.ts"
import { decodeRow } from "./Rows.ts"

const Row = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  passwordHash: Schema.String,
  createdAt: Schema.Int,
  passwordChangedAt: Schema.Int,
}).pipe(
  Schema.encodeKeys({
    passwordHash: "password_hash",
    createdAt: "created_at",
    passwordChangedAt: "password_changed_at",
  }),
)

/** Someone who may log in. */
export type User = typeof Row.Type

const row = decodeRow(Row)

const make = Effect.gen(function* () {
  const database = yield* Database

  const count = database
    .run((db) =>
      db
        .selectFrom("user")
        .select((eb) => eb.fn.countAll().as("count"))
        .executeTakeFirstOrThrow(),
    )
    .pipe(Effect.map(({ count }) => Number(count)))

  const byName = Effect.fn("UsersRepo.byName")((name: string) =>
    row(database.run((db) => db.selectFrom("user").selectAll().where("name", "=", name).executeTakeFirst())),
  )

  const get = Effect.fn("UsersRepo.get")(function* (id: string) {
    const found = yield* row(
      database.run((db) => db.selectFrom("user").selectAll().where("id", "=", id).executeTakeFirst()),
    )
    return found ?? (yield* new NotFound({ what: "user", id }))
  })

  const create = Effect.fn("UsersRepo.create")(function* (name: string, passwordHash: string) {
    const now = yield* Clock.currentTimeMillis
    const user: User = { id: newId(), name, passwordHash, createdAt: now, passwordChangedAt: now }
    yield* database
      .query((db) =>
        db
          .insertInto("user")
          .values({ id: user.id, name, password_hash: passwordHash, created_at: now, password_changed_at: now })
          .execute(),
      )
      .pipe(
        Effect.catch((error) =>
          error.kind === "conflict"
            ? new Conflict({ field: "name", value: name, reason: `There is already a user named ${name}` })
            : Effect.die(error),
        ),
      )
    return user
  })

  const setPassword = Effect.fn("UsersRepo.setPassword")(function* (id: string, passwordHash: string) {
    const now = yield* Clock.currentTimeMillis
    const updated = yield* database.run((db) =>
      db
        .updateTable("user")
        .set({ password_hash: passwordHash, password_changed_at: now })
        .where("id", "=", id)
        .executeTakeFirst(),
    )
    if (updated.numUpdatedRows === 0n) return yield* new NotFound({ what: "user", id })
  })

  return UsersRepo.of({ count, byName, get, create, setPassword })
})

/** Those who may log in. Only hashes of passwords come here. */
export class UsersRepo extends Context.Service<
  UsersRepo,
  {
    readonly count: Effect.Effect<number>
    readonly byName: (name: string) => Effect.Effect<User | undefined>
    readonly get: (id: string) => Effect.Effect<User, NotFound>
    readonly create: (name: string, passwordHash: string) => Effect.Effect<User, Conflict>
    readonly setPassword: (id: string, passwordHash: string) => Effect.Effect<void, NotFound>
  }
>()("muster/manager/store/UsersRepo") {
  static readonly layer = Layer.effect(UsersRepo, make)
}

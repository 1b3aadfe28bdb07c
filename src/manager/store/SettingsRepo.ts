import { Context, Effect, Layer } from "effect"
import { Database, upsert } from "./Database.ts"

const make = Effect.gen(function* () {
  const database = yield* Database

  const get = Effect.fn("SettingsRepo.get")(function* (name: string) {
    const row = yield* database.run((db) =>
      db.selectFrom("setting").select("value").where("name", "=", name).executeTakeFirst(),
    )
    return row?.value
  })

  const set = Effect.fn("SettingsRepo.set")((name: string, value: string) =>
    upsert(
      database,
      (db) => db.updateTable("setting").set({ value }).where("name", "=", name).executeTakeFirst(),
      (db) => db.insertInto("setting").values({ name, value }).execute(),
    ),
  )

  const next = Effect.fn("SettingsRepo.next")((name: string) =>
    database.transaction(
      Effect.gen(function* () {
        // Written first: its lock keeps a second caller waiting until this one has counted.
        yield* upsert(
          database,
          (db) =>
            db
              .updateTable("setting")
              .set((eb) => ({ value: eb.ref("value") }))
              .where("name", "=", name)
              .executeTakeFirst(),
          (db) => db.insertInto("setting").values({ name, value: "0" }).execute(),
        )
        const value = Number(yield* get(name)) + 1
        yield* set(name, String(value))
        return value
      }),
    ),
  )

  return SettingsRepo.of({ get, set, next })
})

/** Small single values by name. */
export class SettingsRepo extends Context.Service<
  SettingsRepo,
  {
    readonly get: (name: string) => Effect.Effect<string | undefined>
    readonly set: (name: string, value: string) => Effect.Effect<void>
    /** The next number of a counter that begins at 1: no two callers get the same. */
    readonly next: (name: string) => Effect.Effect<number>
  }
>()("muster/manager/store/SettingsRepo") {
  static readonly layer = Layer.effect(SettingsRepo, make)
}

import { expect, setDefaultTimeout } from "bun:test"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { join } from "node:path"
import { openCronStore } from "../../../src/node/cron/CronStore.ts"
import { makeCronWrites } from "../../../src/node/cron/CronWrites.ts"
import { NodeChanges } from "../../../src/node/NodeChanges.ts"
import { Notices } from "../../../src/node/Notices.ts"
import { it } from "../../support/effect.ts"
import { temporaryFolder } from "../../support/muster.ts"

setDefaultTimeout(60_000)

const environment = Notices.layer.pipe(Layer.provideMerge(NodeChanges.layer))

const begin = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => temporaryFolder("muster-cron-")),
    (temporary) => Effect.sync(() => temporary[Symbol.dispose]()),
  )
  const path = join(folder.path, "cron.db")
  const store = yield* openCronStore(path)
  return { store, writes: yield* makeCronWrites(store, path) }
})

const task = { id: "job", basis: "{}", anchor: 1, lastSlot: 1 }

it.effect(
  "a write that can't be done spoils those beside it, or is done by half",
  Effect.gen(function* () {
    const { store, writes } = yield* begin
    const bad = yield* Effect.forkChild(
      writes.write((all) => {
        all.putTask({ ...task, id: "half" })
        throw new Error("disk I/O error")
      }),
    )
    const good = yield* Effect.forkChild(writes.write((all) => all.putTask(task)))
    expect(yield* Effect.map(Effect.flip(Fiber.join(bad)), ({ reason }) => reason)).toBe("disk I/O error")
    yield* Fiber.join(good)
    expect(store.tasks()).toEqual([task])
  }).pipe(Effect.provide(environment)),
)

it.effect(
  "what has to be on the disk first goes on without that",
  Effect.gen(function* () {
    const { store, writes } = yield* begin
    let fails = 2
    const persisted = yield* Effect.forkChild(
      writes.persist((all) => {
        if (fails-- > 0) throw new Error("no space left on the disk")
        all.putTask(task)
      }),
    )
    yield* TestClock.adjust("4 seconds")
    expect(persisted.pollUnsafe()).toBeUndefined()
    const notices = yield* Notices
    expect((yield* notices.all).map(({ message }) => message)).toEqual(["cron runs nothing: no space left on the disk"])
    yield* TestClock.adjust("5 seconds")
    yield* TestClock.adjust("5 seconds")
    yield* Fiber.join(persisted)
    expect(store.tasks()).toEqual([task])
    expect(yield* notices.all).toEqual([])
  }).pipe(Effect.provide(environment)),
)

import { expect, test } from "bun:test"
import { Effect, Fiber, Layer, Logger } from "effect"
import { Discovery } from "../../src/node/discovery/Discovery.ts"
import { Disk } from "../../src/node/Disk.ts"
import { NodeChanges } from "../../src/node/NodeChanges.ts"
import type { EndpointList } from "../../src/domain/EndpointList.ts"

const list = (revision: number): EndpointList => ({
  service: "greeter" as EndpointList["service"],
  revision,
  tls: "auto",
  endpoints: [{ ip: "127.0.0.1", port: 9000, weight: 100, status: "online" }],
  releasedAt: 0,
  releasedBy: "anna",
})

test("a caller that goes away in the middle of a write does not let a newer list be overwritten by its own", async () => {
  let text = ""
  const waiting: Array<() => void> = []
  const disk = Layer.effect(
    Disk,
    Effect.map(Disk, (real) =>
      Disk.of({
        ...real,
        list: () => Effect.succeed([]),
        // The first write hangs until the test lets it go on.
        write: (_path, next) =>
          Effect.promise(async () => {
            if (waiting.length === 0) await new Promise<void>((resolve) => waiting.push(resolve))
            text = next
          }),
      }),
    ),
  ).pipe(Layer.provide(Disk.layer))
  const layer = Discovery.layer("/nowhere").pipe(Layer.provide([disk, NodeChanges.layer]))
  const program = Effect.gen(function* () {
    const discovery = yield* Discovery
    const first = yield* Effect.forkChild(discovery.apply({ list: list(1) }))
    while (waiting.length === 0) yield* Effect.yieldNow
    yield* Effect.forkChild(Fiber.interrupt(first))
    const second = yield* Effect.forkChild(discovery.apply({ list: list(2) }))
    yield* Effect.sleep(20)
    waiting[0]?.()
    expect((yield* Fiber.join(second)).revision).toBe(2)
    yield* Effect.sleep(20)
  })
  await Effect.runPromise(program.pipe(Effect.provide(layer), Effect.provide(Logger.layer([]))))
  expect(JSON.parse(text)).toMatchObject({ revision: 2 })
})

import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { mkdirSync } from "node:fs"
import { createServer } from "node:net"
import { expect } from "bun:test"
import { dataFolder } from "../../../src/node/DataFolder.ts"
import { Disk } from "../../../src/node/Disk.ts"
import { Discovery } from "../../../src/node/discovery/Discovery.ts"
import { Gateway } from "../../../src/node/gateway/Gateway.ts"
import { NodeChanges } from "../../../src/node/NodeChanges.ts"
import { it } from "../../support/effect.ts"
import { freePort, temporaryFolder } from "../../support/muster.ts"
import { waitFor } from "../../support/waitFor.ts"

const scoped = <A>(open: () => A | Promise<A>, close: (opened: A) => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => open()),
    (opened) => Effect.sync(() => close(opened)),
  )

it.effect(
  "a gateway whose port is in use takes it within 30 s of its being free",
  Effect.gen(function* () {
    const data = yield* scoped(temporaryFolder, (folder) => folder[Symbol.dispose]())
    const port = yield* Effect.promise(() => freePort())
    const other = createServer()
    yield* Effect.promise(() => new Promise<void>((resolve) => other.listen(port, "127.0.0.1", () => resolve())))
    const folder = dataFolder(data.path)
    mkdirSync(folder.discovery)
    const config = { listen: { host: "127.0.0.1", port }, isRequired: false, token: undefined }
    const layer = Gateway.layer(config, folder).pipe(
      Layer.provide(Discovery.layer(folder.discovery)),
      Layer.provide([NodeChanges.layer, Disk.layer]),
    )
    expect(Context.get(yield* Layer.build(layer), Gateway).url).toBeUndefined()
    yield* Effect.promise(() => new Promise((resolve) => other.close(resolve)))
    const isUp = () => fetch(`http://127.0.0.1:${port}/health`).then(({ ok }) => ok)
    yield* TestClock.adjust("29 seconds")
    expect(yield* Effect.promise(() => isUp().catch(() => false))).toBe(false)
    yield* TestClock.adjust("1 second")
    yield* Effect.promise(() => waitFor(isUp))
  }),
)

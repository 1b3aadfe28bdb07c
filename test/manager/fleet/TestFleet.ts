import { setDefaultTimeout } from "bun:test"
import { Effect, Exit, Layer, Logger, ManagedRuntime } from "effect"
import { createServer } from "node:net"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Endpoint } from "../../../src/domain/Endpoint.ts"
import { ServiceName } from "../../../src/domain/ServiceName.ts"
import { fleetLayer } from "../../../src/manager/fleet/FleetLayer.ts"
import { Fleet } from "../../../src/manager/fleet/Fleet.ts"
import { Joining } from "../../../src/manager/fleet/Joining.ts"
import { Pushes } from "../../../src/manager/fleet/Pushes.ts"
import { Services } from "../../../src/manager/fleet/Services.ts"
import { storeLayer } from "../../../src/manager/store/Store.ts"
import { NodeHandle, nodeLayer } from "../../../src/node/Node.ts"

// Keys are made and files are synced for each node: on a busy machine that takes its time.
setDefaultTimeout(30_000)

const silent = Logger.layer(process.env["MUSTER_TEST_LOGS"] === undefined ? [] : [Logger.consolePretty()])

export const temporaryFolder = () => mkdtemp(join(tmpdir(), "muster-fleet-"))

/** A port that nothing listens on at this address. */
export const freePort = (ip: string) =>
  new Promise<number>((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, ip, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** A manager without its pages: the fleet on a store in `dataDir`, and the two addresses that a joining node asks. */
export const startManager = async (dataDir: string) => {
  const store = storeLayer({ engine: "sqlite", path: join(dataDir, "muster.db") })
  const runtime = ManagedRuntime.make(
    fleetLayer({ dataDir }).pipe(Layer.provideMerge(store), Layer.provideMerge(silent)),
  )
  await runtime.runPromise(Effect.void)
  const page = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      if (new URL(request.url).pathname === "/join/ca") {
        return new Response(await runtime.runPromise(Effect.flatMap(Joining, (joining) => joining.caPem)))
      }
      const body: unknown = await request.json()
      const exit = await runtime.runPromiseExit(
        Effect.flatMap(Joining, (joining) => Effect.result(joining.join(body, "127.0.0.1"))),
      )
      if (Exit.isFailure(exit)) return new Response("failed", { status: 500 })
      return exit.value._tag === "Success"
        ? Response.json(exit.value.success)
        : Response.json({ error: exit.value.failure.reason, message: exit.value.failure.message }, { status: 403 })
    },
  })
  const run = runtime.runPromise
  return {
    url: `http://127.0.0.1:${page.port}`,
    runtime,
    run,
    token: async (kind: "once" | "many" = "many", ttlMs = 3_600_000) =>
      (await run(Effect.flatMap(Joining, (joining) => joining.createToken({ kind, ttlMs }, "ann")))).token,
    nodes: () => run(Effect.flatMap(Fleet, (fleet) => fleet.nodes)),
    service: (name: string) => run(Effect.flatMap(Services, (services) => services.byName(name))),
    create: (name: string, endpoints: ReadonlyArray<Endpoint>) =>
      run(
        Effect.flatMap(Services, (services) =>
          services.create({ name: ServiceName.make(name), description: "", tls: "auto", endpoints }, "ann"),
        ),
      ),
    services: <A, E>(use: (services: Services["Service"]) => Effect.Effect<A, E>) => run(Effect.flatMap(Services, use)),
    pushes: <A, E>(use: (pushes: Pushes["Service"]) => Effect.Effect<A, E>) => run(Effect.flatMap(Pushes, use)),
    stop: async () => {
      await page.stop(true)
      await runtime.dispose()
    },
  }
}
export type TestManager = Awaited<ReturnType<typeof startManager>>

/** A real node in this process: its own folder, its own port, real mutual TLS. */
export const startNode = async (o: {
  readonly dataDir: string
  readonly ip: string
  readonly port: number
  readonly name: string
  readonly join?: { readonly url: string; readonly token: string }
}) => {
  const layer = nodeLayer({
    dataDir: o.dataDir,
    listen: { host: o.ip, port: o.port },
    name: o.name,
    join: o.join,
  })
  const runtime = ManagedRuntime.make(layer.pipe(Layer.provideMerge(silent)))
  const handle = await runtime.runPromise(NodeHandle)
  return {
    nodeId: handle.nodeId,
    /** The list that stands on its disk. */
    list: async (service: string): Promise<{ revision: number; endpoints: ReadonlyArray<Endpoint> } | undefined> => {
      const text = await readFile(join(o.dataDir, "discovery", `${service}.json`), "utf8").catch(() => undefined)
      return text === undefined ? undefined : JSON.parse(text)
    },
    stop: () => runtime.dispose(),
  }
}
export type TestNode = Awaited<ReturnType<typeof startNode>>

export const removeFolder = (path: string) => rm(path, { recursive: true, force: true })

export const online = (ip: string, port: number): Endpoint => ({ ip, port, weight: 100, status: "online" })

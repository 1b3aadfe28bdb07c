import { Context, Data, Effect, Layer, Schedule } from "effect"
import { CertificateFolder } from "../../client/CertificateFolder.ts"
import { endpointKey } from "../../domain/Endpoint.ts"
import { isLoopback } from "../../domain/Loopback.ts"
import { publicFolderMode } from "../../platform/DurableFile.ts"
import { type HttpServer, ListenError, serve, serveSocket } from "../../platform/HttpServer.ts"
import { join } from "../../platform/Paths.ts"
import { resolveAddress } from "../../platform/ResolveAddress.ts"
import { fitsSocket } from "../../platform/SocketFile.ts"
import type { DataFolder } from "../DataFolder.ts"
import { Disk } from "../Disk.ts"
import { Discovery } from "../discovery/Discovery.ts"
import { NodeChanges } from "../NodeChanges.ts"
import { GatewayServer } from "./GatewayServer.ts"
import { ServiceClients } from "./ServiceClients.ts"

export type GatewayConfig = {
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number }
  /** Somebody asked for this address, so a port in use ends the start. Otherwise it is waited for. */
  readonly isRequired: boolean
  /** What callers must show. Needed when `listen` is not loopback. */
  readonly token: string | undefined
}

/** The gateway can't listen where it was told to. The message is one sentence. */
export class GatewayFailed extends Data.TaggedError("GatewayFailed")<{
  readonly reason: ListenError["reason"] | "no-token"
  readonly message: string
}> {}

/** What runs at the stop may take so long; then it is cut off. */
const graceMs = 1_000
const retryEvery = "30 seconds"
/** Everybody who can enter the folder may call, as everybody on this host may over TCP. */
const socketMode = 0o666

const failed = (what: string, cause: unknown) =>
  new GatewayFailed({
    reason: cause instanceof ListenError ? cause.reason : "other",
    message: `${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
  })

const opened = (what: string, open: () => Promise<HttpServer>) =>
  Effect.acquireRelease(Effect.tryPromise({ try: open, catch: (cause) => failed(what, cause) }), (server) =>
    Effect.promise(() => server.stop(graceMs)),
  )

const resolve = Effect.fn("Gateway.resolve")(function* ({ listen, token }: GatewayConfig) {
  const hostname = yield* Effect.tryPromise({
    try: () => resolveAddress(listen.host),
    catch: (cause) => failed("the gateway cannot be started", cause),
  })
  if (token !== undefined || isLoopback(hostname)) return hostname
  return yield* new GatewayFailed({
    reason: "no-token",
    message: `the gateway on ${endpointKey({ ip: listen.host, port: listen.port })} needs a token, as it is not on loopback`,
  })
})

const urlOf = (host: string, port: number) => `http://${endpointKey({ ip: host, port })}`

/** A gateway without its socket is one all the same. */
const openSocket = Effect.fn("Gateway.openSocket")(function* (folder: string, server: GatewayServer) {
  const path = join(folder, "gateway.sock")
  if (!fitsSocket(path)) {
    yield* Effect.logWarning(`the gateway has no unix socket: ${path} is too long for one`)
    return
  }
  const disk = yield* Disk
  yield* disk.makeFolder(folder, publicFolderMode).pipe(
    Effect.andThen(
      opened("the gateway has no unix socket", () =>
        serveSocket({ path, mode: socketMode, fetch: (request, info) => server.handle(request, info, true) }),
      ),
    ),
    Effect.catch((error) => Effect.logWarning(error.message)),
  )
})

const openPort = Effect.fn("Gateway.openPort")(function* (config: GatewayConfig, server: GatewayServer) {
  const { host, port } = config.listen
  const hostname = yield* resolve(config)
  const open = opened("the gateway cannot be started", () =>
    serve({ hostname, port, fetch: (request, info) => server.handle(request, info, false) }),
  ).pipe(Effect.map((http) => urlOf(host, http.port)))
  if (!isLoopback(hostname)) {
    yield* Effect.logWarning(
      `the gateway is plain HTTP on ${host}: its token and what is called can be read on the way`,
    )
  }
  if (config.isRequired) return yield* open
  const waiting = open.pipe(
    Effect.retry(Schedule.spaced(retryEvery)),
    Effect.tap((url) => Effect.logInfo(`the gateway is on ${url} now`)),
    Effect.ignore,
  )
  return yield* open.pipe(
    Effect.catch((error) =>
      Effect.logWarning(
        `${error.message}; the node runs without it, and tries again every ${retryEvery} (--gateway gives it another address, or off)`,
      ).pipe(Effect.andThen(Effect.forkScoped(Effect.delay(waiting, retryEvery))), Effect.as(undefined)),
    ),
  )
})

const make = Effect.fnUntraced(function* (config: GatewayConfig, folder: DataFolder) {
  const discovery = yield* Discovery
  const changes = yield* NodeChanges
  const context = yield* Effect.context<never>()
  let seen = yield* changes.seq
  const runSync = Effect.runSyncWith(context)
  const fork = Effect.runForkWith(context)
  const services = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new ServiceClients({
          lists: () => runSync(discovery.lists),
          certificates: new CertificateFolder(folder.tls),
        }),
    ),
    (services) => Effect.sync(() => services.close()),
  )
  yield* Effect.gen(function* () {
    yield* changes.above(seen)
    // Read before the lists are: what changes meanwhile is seen by the next turn.
    seen = yield* changes.seq
    services.refresh()
  }).pipe(Effect.forever, Effect.forkScoped)
  const server = new GatewayServer({
    services,
    token: config.token,
    onFault: (error) => void fork(Effect.logError("the gateway failed on a request", error)),
  })
  const url = yield* openPort(config, server)
  yield* openSocket(folder.gateway, server)
  return Gateway.of({ url })
})

/** HTTP for programs that don't speak muster/1, on this host: `POST /rpc/SERVICE/METHOD` calls what the node can call. */
export class Gateway extends Context.Service<
  Gateway,
  {
    /** Undefined: it is switched off, or waits for its port. */
    readonly url: string | undefined
  }
>()("muster/node/gateway/Gateway") {
  static readonly off = Layer.succeed(Gateway, Gateway.of({ url: undefined }))
  static readonly layer = (config: GatewayConfig, folder: DataFolder) => Layer.effect(Gateway, make(config, folder))
}

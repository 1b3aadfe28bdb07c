import { Cause, Context, Data, Effect, Layer } from "effect"
import { nodeManager } from "../../domain/ServiceName.ts"
import { assertPortFree, ListenFailed, listenFailed } from "../../platform/ListenSocket.ts"
import { resolveAddress } from "../../platform/ResolveAddress.ts"
import { type Duplex, listen, type Listener, type TlsMaterial } from "../../platform/Transport.ts"
import { controlLimits } from "../../protocol/Limits.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import { type Handler, methodsOf, type RpcFault, RpcServer } from "../../rpc/RpcServer.ts"
import { NodeChanges } from "../NodeChanges.ts"
import { Trust } from "../trust/Trust.ts"
import { type Method, NodeMethods } from "./NodeMethods.ts"
import { OpenStreams } from "./OpenStreams.ts"

/** The agent can't listen where it was told to. The message is one sentence. */
export class ControlPortFailed extends Data.TaggedError("ControlPortFailed")<{
  readonly code: string
  readonly message: string
}> {}

/** The common name of the manager's certificates. */
const managerName = "manager"

/** Bound, so that a stop does not hang on a manager that keeps a long poll open. */
const drainMs = 1_000

const errorCode = (cause: unknown) =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "UNKNOWN"

const refused = ({ host, port }: { host: string; port: number }, cause: unknown) => {
  const code = errorCode(cause)
  const error = cause instanceof ListenFailed || code === "UNKNOWN" ? cause : listenFailed({ ip: host, port }, code)
  return new ControlPortFailed({
    code,
    message: `Cannot listen: ${error instanceof Error ? error.message : String(error)}`,
  })
}

/** Fails when the port is taken: asked before any service is started, so that none is started in vain. */
export const assertListenable = (address: { host: string; port: number }) =>
  Effect.tryPromise({
    try: async () => assertPortFree({ ip: await resolveAddress(address.host), port: address.port }),
    catch: (cause) => refused(address, cause),
  })

const open = (address: { host: string; port: number }, tls: TlsMaterial, onConnection: (duplex: Duplex) => void) =>
  Effect.tryPromise({
    try: async () => listen({ on: { ...address, host: await resolveAddress(address.host) }, tls, onConnection }),
    catch: (cause) => refused(address, cause),
  })

const close = (listener: Listener, server: RpcServer) =>
  Effect.promise(async () => {
    await listener.close()
    await server.drain(drainMs)
  }).pipe(Effect.timeoutOption(drainMs * 2))

/**
 * The agent's port: muster/1 over mutual TLS. Whoever has a certificate of the cluster that was not revoked may
 * connect and `ping`; everything else is the manager's alone.
 */
export class ControlPort extends Context.Service<ControlPort, { readonly port: number }>()(
  "muster/node/control/ControlPort",
) {
  static readonly layer = (o: { readonly listen: { host: string; port: number }; readonly tls: TlsMaterial }) =>
    Layer.effect(
      ControlPort,
      Effect.gen(function* () {
        const methods = yield* NodeMethods
        const trust = yield* Trust
        const changes = yield* NodeChanges
        const streams = new OpenStreams()
        const context = yield* Effect.context<never>()
        const run = Effect.runPromiseWith(context)
        const log = Effect.runForkWith(context)

        const refusal = ({ peer }: Duplex): RpcError | undefined => {
          if (peer === undefined) return new RpcError("unauthenticated", "a certificate is needed", { executed: "no" })
          if (!trust.isRevoked(peer.serial)) return undefined
          return new RpcError("permission_denied", `the certificate of ${peer.commonName} was revoked`, {
            executed: "no",
          })
        }

        const handler = (name: string, method: Method): Handler => {
          return (args, call) => {
            const { peer } = call
            // Revoked since it connected.
            if (peer !== undefined && trust.isRevoked(peer.serial)) {
              throw new RpcError("permission_denied", `the certificate of ${peer.commonName} was revoked`, {
                executed: "no",
              })
            }
            if (peer?.commonName !== managerName) {
              const who = peer?.commonName ?? "an unknown caller"
              throw new RpcError("permission_denied", `${name} is the manager's to call, not ${who}'s`, {
                executed: "no",
              })
            }
            return run(method(args[0]), { signal: call.signal }).then(
              (answer) => streams.track(answer),
              (error: unknown) => {
                if (!call.signal.aborted) throw error
                throw new RpcError("cancelled", "the call was cancelled, or the agent stops", { executed: "maybe" })
              },
            )
          }
        }

        const onFault = ({ error, kind, method, remote }: RpcFault) => {
          if (error instanceof RpcError && kind === "handler") return
          const text = error instanceof Error ? error.message : Cause.pretty(Cause.die(error))
          log(Effect.logWarning(`${kind}: ${method ?? "connection"} from ${remote}: ${text}`))
        }

        const server = new RpcServer({
          service: nodeManager,
          worker: { id: 0, count: 1 },
          limits: controlLimits,
          methods: methodsOf(new Map([...methods].map(([name, method]) => [name, handler(name, method)]))),
          accept: refusal,
          onFault,
        })
        const listener = yield* Effect.acquireRelease(
          open(o.listen, o.tls, (duplex) => server.accept(duplex)),
          // The announcement answers the long polls, so that the drain has nothing to wait for.
          (listener) =>
            Effect.sync(() => streams.end()).pipe(
              Effect.andThen(changes.announce),
              Effect.andThen(close(listener, server)),
            ),
        )
        return ControlPort.of({ port: listener.port })
      }),
    )
}

import { Context, Data, Deferred, Effect, Layer, Schema } from "effect"
import { removeSocketFile } from "../../platform/RuntimeFolder.ts"
import { dial, listen } from "../../platform/Transport.ts"
import { MethodDescription, Stats } from "../../protocol/NodeManager.ts"
import { RpcError } from "../../protocol/RpcError.ts"
import { agentService, type WorkerKey, workerMethods } from "../../protocol/WorkerLink.ts"
import { type Handler, methodsOf, RpcServer } from "../../rpc/RpcServer.ts"
import type { DataFolder } from "../DataFolder.ts"
import { fieldError } from "../FieldError.ts"
import { WorkerRegistry } from "./WorkerRegistry.ts"

/** Another agent runs on this data folder, or the socket for the workers can't be made. */
export class AgentSocketFailed extends Data.TaggedError("AgentSocketFailed")<{ readonly message: string }> {}

const Key = Schema.Struct({
  name: Schema.String,
  kind: Schema.Literals(["calls", "tasks"]),
  slot: Schema.Int,
  pid: Schema.Int,
})
const ReadyMessage = Schema.Struct({
  ...Key.fields,
  methods: Schema.Array(MethodDescription),
  tasks: Schema.Array(Schema.String),
})
const FailedMessage = Schema.Struct({ ...Key.fields, reason: Schema.String })
const ReportMessage = Schema.Struct({
  ...Key.fields,
  stats: Stats,
  openCalls: Schema.Array(Schema.Struct({ method: Schema.String, ageMs: Schema.Finite, remote: Schema.String })),
  openCallCount: Schema.Int,
})

const probeMs = 1_000

const isAnswered = (path: string) =>
  Effect.tryPromise(() => dial({ to: { path }, timeoutMs: probeMs })).pipe(
    Effect.map((duplex) => {
      duplex.destroy()
      return true
    }),
    Effect.orElseSucceed(() => false),
  )

/**
 * The unix socket on which the agent's workers say that they are ready and how they do. Only the agent's own user may
 * connect, and only for a process that the agent has started.
 */
export class AgentSocket extends Context.Service<AgentSocket, { readonly path: string }>()(
  "muster/node/supervisor/AgentSocket",
) {
  static readonly layer = (folder: DataFolder) =>
    Layer.effect(
      AgentSocket,
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const { path } = folder.socket
        if (yield* isAnswered(path)) {
          return yield* new AgentSocketFailed({
            message: `another agent runs on the data folder ${folder.root}: stop it first, or use another --data`,
          })
        }

        const message = <S extends Schema.Codec<WorkerKey, unknown>>(
          schema: S,
          use: (message: S["Type"], worker: NonNullable<ReturnType<typeof registry.find>>) => void,
        ): Handler => {
          const decode = Schema.decodeUnknownResult(schema)
          return (args) => {
            const decoded = decode(args[0])
            if (decoded._tag === "Failure") throw new RpcError("invalid_argument", fieldError(decoded.failure))
            const worker = registry.find(decoded.success)
            if (worker === undefined) throw new RpcError("permission_denied", "this is no worker of this agent")
            use(decoded.success, worker)
            return null
          }
        }
        const methods = new Map<string, Handler>([
          [
            workerMethods.ready,
            message(
              ReadyMessage,
              (m, worker) => void Deferred.doneUnsafe(worker.ready, Effect.succeed(m.methods.map(({ name }) => name))),
            ),
          ],
          [workerMethods.failed, message(FailedMessage, (m, worker) => void (worker.failure = m.reason))],
          [
            workerMethods.report,
            message(ReportMessage, (m, worker) => {
              worker.report = m
              worker.heard += 1
            }),
          ],
        ])
        const server = new RpcServer({
          service: agentService,
          worker: { id: 0, count: 1 },
          methods: methodsOf(methods),
        })
        yield* Effect.acquireRelease(
          Effect.tryPromise({
            try: () =>
              removeSocketFile(path).then(() => listen({ on: { path }, onConnection: (d) => server.accept(d) })),
            catch: (cause) => new AgentSocketFailed({ message: `the socket ${path} can't be made: ${String(cause)}` }),
          }),
          (listener) =>
            Effect.promise(() => listener.close().then(() => server.drain(0))).pipe(
              Effect.timeoutOption("1 second"),
              Effect.andThen(Effect.promise(() => removeSocketFile(path))),
            ),
        )
        return AgentSocket.of({ path })
      }),
    )
}

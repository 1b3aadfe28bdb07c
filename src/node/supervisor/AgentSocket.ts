import { Context, Data, Deferred, Effect, Layer, Schema } from "effect"
import { removeSocketFile } from "../../platform/RuntimeFolder.ts"
import { dial, listen } from "../../platform/Transport.ts"
import { MethodDescription, Stats } from "../../protocol/NodeManager.ts"
import { agentService, workerMethods } from "../../protocol/WorkerLink.ts"
import { type Handler, methodsOf, RpcServer } from "../../rpc/RpcServer.ts"
import type { DataFolder } from "../DataFolder.ts"
import { Key, type WorkerMethod, workerMethod, WorkerMethods } from "./WorkerMethods.ts"
import { WorkerRegistry } from "./WorkerRegistry.ts"

/** Another agent runs on this data folder, or the socket for the workers can't be made. */
export class AgentSocketFailed extends Data.TaggedError("AgentSocketFailed")<{ readonly message: string }> {}

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

const told = (take: () => unknown) =>
  Effect.sync(() => {
    take()
    return null
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

        const method = workerMethod(registry)
        const methods = new Map<string, WorkerMethod>([
          ...(yield* WorkerMethods),
          [
            workerMethods.ready,
            method(ReadyMessage, ({ methods }, worker) =>
              Effect.as(
                Deferred.succeed(
                  worker.ready,
                  methods.map(({ name }) => name),
                ),
                null,
              ),
            ),
          ],
          [workerMethods.failed, method(FailedMessage, ({ reason }, worker) => told(() => (worker.failure = reason)))],
          [
            workerMethods.report,
            method(ReportMessage, (report, worker) =>
              told(() => {
                worker.report = report
                worker.heard += 1
              }),
            ),
          ],
        ])
        const run = Effect.runPromiseWith(yield* Effect.context<never>())
        const handler =
          (answer: WorkerMethod): Handler =>
          (args, call) =>
            run(answer(args[0]), { signal: call.signal })
        const server = new RpcServer({
          service: agentService,
          worker: { id: 0, count: 1 },
          methods: methodsOf(new Map([...methods].map(([name, answer]) => [name, handler(answer)]))),
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

import { Context, Data, Effect, Layer } from "effect"
import { rpcSettings } from "../../domain/Setting.ts"
import { removeSocketFile } from "../../platform/SocketFile.ts"
import { dial, listen } from "../../platform/Transport.ts"
import { agentService, workerMethods } from "../../protocol/WorkerLink.ts"
import { type Handler, methodsOf, RpcServer } from "../../rpc/RpcServer.ts"
import type { DataFolder } from "../DataFolder.ts"
import { keyMethods } from "../keys/KeyMethods.ts"
import { beatHandler, ownMethods } from "./OwnMethods.ts"
import { type WorkerMethod, WorkerMethods } from "./WorkerMethods.ts"

/** Another agent runs on this data folder, or the socket for the workers can't be made. */
export class AgentSocketFailed extends Data.TaggedError("AgentSocketFailed")<{ readonly message: string }> {}

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
        const { path } = folder.socket
        if (yield* isAnswered(path)) {
          return yield* new AgentSocketFailed({
            message: `another agent runs on the data folder ${folder.root}: stop it first, or use another --data`,
          })
        }

        const methods = new Map([...(yield* ownMethods), ...(yield* keyMethods), ...(yield* WorkerMethods)])
        const beat = yield* beatHandler
        const run = Effect.runPromiseWith(yield* Effect.context<never>())
        const handler =
          (answer: WorkerMethod): Handler =>
          (args, call) =>
            run(answer(args[0]), { signal: call.signal })
        const server = new RpcServer({
          service: agentService,
          worker: { id: 0, count: 1 },
          limits: { frameBytes: rpcSettings.maxFrameBytes.maximum },
          methods: methodsOf(
            new Map([...methods].map(([name, answer]) => [name, handler(answer)])).set(workerMethods.beat, beat),
          ),
        })
        yield* Effect.acquireRelease(
          Effect.tryPromise({
            try: () => {
              removeSocketFile(path)
              return listen({ on: { path }, onConnection: (d) => server.accept(d) })
            },
            catch: (cause) => new AgentSocketFailed({ message: `the socket ${path} can't be made: ${String(cause)}` }),
          }),
          (listener) =>
            Effect.promise(() => listener.close().then(() => server.drain(0))).pipe(
              Effect.timeoutOption("1 second"),
              Effect.andThen(Effect.sync(() => removeSocketFile(path))),
            ),
        )
        return AgentSocket.of({ path })
      }),
    )
}

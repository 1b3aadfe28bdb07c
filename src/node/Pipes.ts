import { Context, Effect, Layer, Queue } from "effect"
import { Fifos } from "../platform/Fifo.ts"
import { sha256Hex } from "../platform/Hash.ts"
import { PipeHolder } from "../platform/PipeHolder.ts"
import type { DataFolder } from "./DataFolder.ts"
import { CurrentDeparture } from "./Departure.ts"
import { AgentSocket } from "./supervisor/AgentSocket.ts"

/** One that dies as soon as it is started is not started without a pause. */
const pauseMs = 1_000

/** The pipes by which processes say what they have to say. What is in them outlives the agent and those processes. */
export class Pipes extends Context.Service<
  Pipes,
  {
    readonly fifos: Fifos
    /** Where they are; their names end with `.pipe`. */
    readonly folder: string
    /** Makes one where none is. Throws with the reason when it can't be had. */
    readonly make: (path: string) => void
  }
>()("muster/node/Pipes") {
  /** After the agent's socket: two agents must not have the same pipes. */
  static readonly layer = ({ root, socket: { folder } }: DataFolder) =>
    Layer.effect(
      Pipes,
      Effect.gen(function* () {
        yield* AgentSocket
        const departure = yield* CurrentDeparture
        const fork = Effect.runForkWith(yield* Effect.context<never>())
        const fifos = yield* Effect.acquireRelease(
          Effect.promise(() => Fifos.load()),
          (all) => Effect.sync(() => all.close()),
        )
        const worn = yield* Queue.sliding<void>(1)
        let isTold = false
        const holder = new PipeHolder({
          fifos,
          folder,
          mark: `${sha256Hex(root).slice(0, 16)}/pipes/`,
          worn: () => void Queue.offerUnsafe(worn, undefined),
          failed: (cause) => {
            if (isTold) return
            isTold = true
            fork(
              Effect.logWarning(
                "no process can be started to hold the pipes: what services say last is lost if they end while no agent runs",
                cause,
              ),
            )
          },
        })
        // Those that go on without this agent are held for the next one.
        yield* Effect.addFinalizer(() => Effect.sync(() => holder.close(departure.how === "stop")))
        holder.renew()
        yield* Queue.take(worn).pipe(
          Effect.andThen(Effect.sync(() => holder.renew())),
          Effect.andThen(Effect.sleep(pauseMs)),
          Effect.forever,
          Effect.forkScoped,
        )
        return Pipes.of({ fifos, folder, make: (path) => holder.make(path) })
      }),
    )
}

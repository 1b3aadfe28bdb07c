import { Context, Effect, Layer } from "effect"
import { openAppend } from "../../platform/AppendFile.ts"
import { join } from "../../platform/Paths.ts"
import type { DataFolder } from "../DataFolder.ts"

/** Where a process that is to be started writes to: descriptors of ours, which the child inherits. */
export type Sink = {
  readonly out: number
  readonly err: number
  /** To be called when the child has them. */
  readonly close: () => void
}

/** What the processes of a node say. `place`: an instance of a process set, `0` or `tasks/0`. */
export class Logs extends Context.Service<
  Logs,
  {
    /** Throws with the reason when it can't be had. */
    readonly sink: (name: string, place: string) => Sink
  }
>()("muster/node/logs/Logs") {
  static readonly layer = (folder: DataFolder) =>
    Layer.effect(
      Logs,
      Effect.sync(() =>
        Logs.of({
          sink: (name) => {
            const { close, fd } = openAppend(join(folder.logs, `${name}.log`))
            return { out: fd, err: fd, close }
          },
        }),
      ),
    )
}

import { Effect } from "effect"
import type { CommandSpec } from "../../domain/ProcessSpec.ts"
import { newId } from "../../platform/Ids.ts"
import { spawnProgram } from "../../platform/Program.ts"
import { Logs } from "../logs/Logs.ts"
import { type Launched, LaunchFailed, type LaunchRequest, placeName } from "./Launched.ts"
import { launchedCommand } from "./LaunchedCommand.ts"
import { watchHeldPorts } from "./PortHolders.ts"

/** What an instance is told of itself. */
const instanceVariables = ({ assignment, count, slot }: LaunchRequest): Readonly<Record<string, string>> => ({
  MUSTER_SERVICE: assignment.spec.service,
  MUSTER_INSTANCE: `${slot}`,
  MUSTER_INSTANCES: `${count}`,
  ...(assignment.listen === null
    ? {}
    : { MUSTER_ADDRESS: assignment.listen.ip, MUSTER_PORT: `${assignment.listen.port}` }),
})

/** What most programs ask for; an operator's own goes before it. */
const portVariable = ({ assignment: { listen } }: LaunchRequest) => (listen === null ? {} : { PORT: `${listen.port}` })

/** Starts instances of commands. `entry`: another main.ts to prepare them by, from source only. */
export const commandLauncher = Effect.fnUntraced(function* (entry?: string) {
  const logs = yield* Logs
  const stopped = yield* watchHeldPorts

  const spawn = async (request: LaunchRequest, spec: CommandSpec, mark: string) => {
    const { assignment, fd, kind, slot } = request
    const sink = logs.sink(assignment.name, placeName(kind, slot))
    try {
      return await spawnProgram({
        ...spec,
        env: { ...portVariable(request), ...spec.env, ...instanceVariables(request) },
        out: sink.out,
        err: sink.err,
        sockets: fd === undefined ? [] : [{ fd, name: spec.service }],
        run: mark,
        entry,
      })
    } finally {
      sink.close()
    }
  }

  return Effect.fn("CommandLauncher.launch")(
    function* (request: LaunchRequest) {
      const { assignment, kind, slot } = request
      const { spec } = assignment
      if (spec.kind === "module") return yield* new LaunchFailed({ reason: "a module is run by a worker" })
      const mark = `${assignment.name}/${placeName(kind, slot).replace("/", "-")}/${newId()}`
      const child = yield* Effect.tryPromise({
        try: () => spawn(request, spec, mark),
        catch: (cause) => new LaunchFailed({ reason: cause instanceof Error ? cause.message : String(cause) }),
      })
      const launched: Launched = yield* launchedCommand(child, { assignment, mark, stopped })
      return launched
    },
    // Interrupted in between it would run without anybody knowing.
    Effect.uninterruptible,
  )
})

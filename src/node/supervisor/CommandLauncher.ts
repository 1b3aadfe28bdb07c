import { Effect } from "effect"
import type { CommandSpec } from "../../domain/ProcessSpec.ts"
import type { Child } from "../../platform/ChildProcess.ts"
import { spawnProgram } from "../../platform/Program.ts"
import { Logs } from "../logs/Logs.ts"
import { type Known, LaunchFailed, type LaunchRequest, placeName, type RunRequest } from "./Launched.ts"
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

  const spawn = async (request: RunRequest, spec: CommandSpec) => {
    const { assignment, fd, kind, run, slot } = request
    const sink = logs.sink(assignment.name, placeName(kind, slot))
    try {
      return await spawnProgram({
        ...spec,
        env: { ...portVariable(request), ...spec.env, ...instanceVariables(request) },
        out: sink.out,
        err: sink.err,
        sockets: fd === undefined ? [] : [{ fd, name: spec.service }],
        run: run.mark,
        cgroup: request.cgroup,
        entry,
      })
    } finally {
      sink.close()
    }
  }

  const launch = Effect.fn("CommandLauncher.launch")(
    function* (request: RunRequest) {
      const { assignment, run } = request
      const { spec } = assignment
      if (spec.kind === "module") return yield* new LaunchFailed({ reason: "a module is run by a worker" })
      const child = yield* Effect.tryPromise({
        try: () => spawn(request, spec),
        catch: (cause) => new LaunchFailed({ reason: cause instanceof Error ? cause.message : String(cause) }),
      })
      return yield* launchedCommand(child, { assignment, mark: run.mark, stopped })
    },
    // Interrupted in between it would run without anybody knowing.
    Effect.uninterruptible,
  )

  const adopt = Effect.fnUntraced(function* (child: Child, { assignment, run }: RunRequest, known: Known) {
    const launched = yield* launchedCommand(child, { assignment, mark: run.mark, stopped }, known)
    // Many a program takes a second signal for impatience.
    return known.isLeaving ? { ...launched, terminate: Effect.void, retire: Effect.void } : launched
  })

  return { launch, adopt }
})

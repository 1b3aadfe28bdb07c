import { Context, Effect, Layer } from "effect"
import { mkdirSync, readFileSync } from "node:fs"
import type { ProcessAssignment } from "../../src/domain/ProcessSpec.ts"
import { dataFolder } from "../../src/node/DataFolder.ts"
import { CurrentDeparture, Departure } from "../../src/node/Departure.ts"
import { NodeChanges } from "../../src/node/NodeChanges.ts"
import { Notices } from "../../src/node/Notices.ts"
import { adopting } from "../../src/node/running/Adopting.ts"
import { type Intent, Runs } from "../../src/node/running/Runs.ts"
import { Adoption } from "../../src/node/supervisor/Hooks.ts"
import type { Launched } from "../../src/node/supervisor/Launched.ts"
import { Launcher } from "../../src/node/supervisor/Launcher.ts"
import { Ledger } from "../../src/node/supervisor/Ledger.ts"
import { SlotSockets } from "../../src/node/supervisor/SlotSockets.ts"
import { WorkerRegistry } from "../../src/node/supervisor/WorkerRegistry.ts"
import { TaskQueues } from "../../src/node/tasks/TaskQueues.ts"
import { identityOf } from "../../src/platform/ProcessTree.ts"
import { temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { workers } from "./SetSimulation.ts"

type Left = Partial<Omit<Intent, "assignment">> & {
  readonly assignment?: ProcessAssignment
  readonly isUp?: boolean
  /** It was asked to end, and may take so long. */
  readonly leavingMs?: number
}

/** What agents leave to each other: records of real processes, which do nothing. Sockets are numbers. */
export class LeftWorld {
  readonly #temporary = temporaryFolder("muster-adopting-")
  readonly folder = dataFolder(this.#temporary.path)
  readonly #children: Array<Bun.Subprocess> = []
  /** Descriptors of processes that can be copied, by pid. */
  readonly sockets = new Map<number, number>()
  readonly closed: Array<number> = []
  readonly expected: Array<number> = []
  /** Processes that were asked to end, and those that were killed. */
  readonly asked: Array<number> = []
  readonly killed: Array<number> = []

  constructor() {
    mkdirSync(this.folder.socket.folder, { recursive: true })
  }

  readonly runs = Effect.suspend(() => Effect.map(Layer.build(Layer.fresh(Runs.layer(this.folder))), Context.get(Runs)))

  /** A process that runs on; gives its pid. */
  leave({ isUp = true, leavingMs, ...intent }: Left = {}) {
    return Effect.gen({ self: this }, function* () {
      const first = { assignment: workers(), kind: "calls", slot: 0, count: 2, generation: 1, restarts: 0 } as const
      const run = yield* (yield* this.runs).begin({ ...first, hasSocket: true, ...intent })
      const child = Bun.spawn(["setsid", "sleep", "300"], { env: { ...process.env, MUSTER_RUN: run.mark } })
      this.#children.push(child)
      // It is the leader of its session from then on.
      yield* Effect.promise(() => waitFor(() => readFileSync(`/proc/${child.pid}/comm`, "utf8").trim() === "sleep"))
      run.started(identityOf(child.pid)!)
      if (isUp) run.up()
      if (leavingMs !== undefined) run.leaving(leavingMs)
      return child.pid
    })
  }

  /** What the agent that comes next works with. */
  environment(departure = new Departure()) {
    const launched = (pid: number): Launched => ({
      pid,
      ready: Effect.never,
      exited: Effect.never,
      terminate: Effect.sync(() => void this.asked.push(pid)),
      retire: Effect.void,
      kill: Effect.sync(() => void this.killed.push(pid)),
      report: () => undefined,
      heard: () => undefined,
      inFlight: () => [],
    })
    const sockets = SlotSockets.of({
      assertFree: () => Effect.void,
      open: () => Effect.succeed(0),
      setBacklog: () => Effect.void,
      close: (fd) => Effect.sync(() => void this.closed.push(fd)),
      take: ({ pid }) => Effect.sync(() => this.sockets.get(pid)),
      isAt: (fd) => Effect.succeed(fd < 50),
      steer: () => Effect.void,
    })
    return Layer.mergeAll(
      Runs.layer(this.folder),
      Layer.mock(Launcher, { adopt: ({ child }) => Effect.succeed(launched(child.identity.pid)) }),
      Layer.mock(TaskQueues, {
        expect: ({ pid }) => Effect.sync(() => void this.expected.push(pid)),
        counts: () => ({ tasking_num: 0, task_queue_num: 0, task_dead_num: 0 }),
      }),
      Layer.succeed(SlotSockets, sockets),
      Notices.layer.pipe(Layer.provide(NodeChanges.layer)),
      WorkerRegistry.layer,
      Layer.succeed(CurrentDeparture, departure),
    )
  }

  /** The agent that comes next, as its sets ask it. */
  next(departure = new Departure()) {
    const layer = adopting(this.folder).pipe(Layer.provideMerge(this.environment(departure)))
    return Effect.map(Layer.build(Layer.fresh(layer)), (context) => {
      const adoption = Context.get(context, Adoption)
      const ledger = new Ledger({ startedAt: 0, keyWindowMs: () => 0, heartbeatTimeoutMs: () => 0 })
      return {
        adoption,
        adopt: (assignment: ProcessAssignment = workers()) => adoption.adopt(assignment, ledger),
        notices: Context.get(context, Notices).all,
      }
    })
  }

  end(pid: number) {
    process.kill(pid, "SIGKILL")
  }

  [Symbol.dispose]() {
    for (const child of this.#children) child.kill("SIGKILL")
    this.#temporary[Symbol.dispose]()
  }
}

import { Clock, Effect } from "effect"
import { portHolder } from "../../platform/ListenSocket.ts"
import { type ProcessRow, ProcessTable, treeOf } from "../../platform/ProcessTable.ts"
import { resolveAddress } from "../../platform/ResolveAddress.ts"
import type { ProcessInspection } from "../../protocol/ProcessMessages.ts"
import { Care } from "../care/Care.ts"
import { monotonicMs } from "../Monotonic.ts"
import { NoSuchProcess, Supervisor } from "../supervisor/Supervisor.ts"
import type { WorkerRun } from "../supervisor/WorkerRun.ts"

/** Of one instance, the root first; more would not be read. */
const processesMax = 200

type Looked = NonNullable<ReturnType<(typeof Supervisor)["Service"]["find"]>>

const told = (rows: ReadonlyArray<ProcessRow>) =>
  rows.slice(0, processesMax).map((row) => {
    const { command, pid, rssBytes, state } = row
    return { pid, state, command, rssBytes }
  })

const byPid = (table: ProcessTable, pid: number | null) => {
  const row = pid === null ? undefined : table.row(pid)
  return row === undefined ? [] : treeOf(table, row.identity)
}

/** Who has the port of a set of which nothing runs. */
const holderOf = async ({ assignment, slots }: Looked): Promise<string | null> => {
  const { listen } = assignment
  const isDown = slots.every(({ slot }) => slot.isVacant || slot.isResting || slot.status.pid === null)
  if (listen === null || !isDown) return null
  try {
    return portHolder({ ip: await resolveAddress(listen.ip), port: listen.port }) ?? null
  } catch {
    return null
  }
}

/** Looks at the processes of a set: what they use, and what those that end still wait for. */
export const inspecting = Effect.gen(function* () {
  const supervisor = yield* Supervisor
  const care = yield* Care

  const leaverOf = (table: ProcessTable, now: number, { leaving, worker }: WorkerRun) => {
    const report = worker.report()
    return {
      pid: worker.pid,
      elapsedMs: leaving === undefined ? 0 : Math.round(now - leaving.askedAt),
      killInMs: leaving === undefined ? 0 : Math.max(0, Math.round(leaving.killAt - now)),
      processes: told(care.usageOf(worker)?.tree(table) ?? byPid(table, worker.pid)),
      openCalls: report?.openCalls ?? [],
      openCallCount: report?.openCallCount ?? 0,
    }
  }

  return Effect.fnUntraced(function* (name: string) {
    const set = supervisor.find(name)
    if (set === undefined) return yield* new NoSuchProcess({ name })
    const now = yield* monotonicMs
    const table = ProcessTable.read()
    const instances = set.slots.map(({ kind, slot }) => {
      const { pid } = slot.status
      const own = slot.running === undefined ? undefined : care.usageOf(slot.running.worker)
      const { latest } = own ?? {}
      return {
        kind,
        slot: slot.index,
        pid,
        usage:
          latest === undefined
            ? null
            : { rssBytes: latest.rssBytes, cpuPercent: latest.cpuPercent, processes: latest.processes },
        tree: told(own?.tree(table) ?? byPid(table, pid)),
        leaving: slot.leaving.map((run) => leaverOf(table, now, run)),
      }
    })
    const answer: ProcessInspection = {
      name,
      at: yield* Clock.currentTimeMillis,
      instances,
      portHolder: yield* Effect.promise(() => holderOf(set)),
    }
    return answer
  })
})

import { Clock, Context, Effect, Layer } from "effect"
import { type ProcessAssignment, setIdOf } from "../../domain/ProcessSpec.ts"
import { type AdoptedChild, adoptProcess } from "../../platform/AdoptedProcess.ts"
import { signalProcess } from "../../platform/ProcessTree.ts"
import { sha256Hex } from "../../platform/Hash.ts"
import { randomHex } from "../../platform/Ids.ts"
import { type MarkedProcess, markedProcesses } from "../../platform/MarkedProcesses.ts"
import { uptimeMs } from "../../platform/ProcessAge.ts"
import { currentBootId, type ProcessIdentity } from "../../platform/ProcessTable.ts"
import { removeJournalFiles } from "../../platform/RuntimeFolder.ts"
import type { WorkerKind } from "../../protocol/WorkerLink.ts"
import type { DataFolder } from "../DataFolder.ts"
import { makeRunFolder, type RunFolder } from "./RunFolder.ts"
import type { PoisonRecord } from "./PoisonRecord.ts"
import { type EndRecord, type FailureRecord, type RunRecord, type SocketRecord } from "./RunRecord.ts"

/** A process that is to be started, or was. */
export type Intent = {
  readonly assignment: ProcessAssignment
  readonly kind: WorkerKind
  readonly slot: number
  readonly count: number
  readonly hasSocket: boolean
  readonly cgroup?: string
  readonly generation: number
  readonly restarts: number
}

/** What is kept of one process, from before its start until its end. */
export interface Run {
  readonly id: string
  /** To be in its environment as MUSTER_RUN. */
  readonly mark: string
  started(identity: ProcessIdentity): void
  up(): void
  /** `ms`: for so long at most. */
  leaving(ms: number): void
  ended(): void
}

/** A process that an agent before this one has started; it may have ended by itself since. */
export type LeftRun = { readonly run: Run; readonly record: RunRecord; readonly child: AdoptedChild }

export type LeftSet = {
  readonly runs: ReadonlyArray<LeftRun>
  readonly ended: ReadonlyArray<EndRecord>
  readonly failed: ReadonlyArray<FailureRecord>
  /** Slots, in the kernel's order of their sockets; undefined: not known. */
  readonly socketOrder: ReadonlyArray<number> | undefined
  readonly poison: PoisonRecord | undefined
}

/** Runs of process sets are told by it from whatever else the agent starts. */
const idStart = "run-"

const reasonOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))

const inPlace = ({ record: a }: LeftRun, { record: b }: LeftRun) =>
  a.kind.localeCompare(b.kind) || a.slot - b.slot || a.startedAt - b.startedAt

const idOf = (mark: string) => mark.slice(mark.lastIndexOf("/") + 1)

const placeOf = (kind: WorkerKind, slot: number) => (kind === "calls" ? `${slot}` : `tasks-${slot}`)

/** What the agent has started, as the next one will find it: by records in its run folder, and by the mark. */
export class Runs extends Context.Service<
  Runs,
  {
    /** Before a process is started. */
    readonly begin: (intent: Intent) => Effect.Effect<Run>
    /** What the agent before this one has left of a set; nobody else gets it then. */
    readonly take: (set: string) => LeftSet
    /** What nobody has taken: nothing of that is known any more. */
    readonly rest: () => ReadonlyArray<LeftRun>
    /** An instance has ended by itself, and is to stay down. */
    readonly stayDown: (end: Omit<EndRecord, "bootId">) => void
    /** An instance has failed. */
    readonly keepFailure: (failure: Omit<FailureRecord, "bootId">) => void
    /** It is forgiven. */
    readonly dropFailure: (place: Pick<FailureRecord, "set" | "kind" | "slot">) => void
    readonly keepOrder: (sockets: Omit<SocketRecord, "bootId">) => void
    readonly keepPoison: (record: Omit<PoisonRecord, "bootId">) => void
    /** A run that is its set's, by the pid of its process. */
    readonly find: (pid: number) => Run | undefined
  }
>()("muster/node/running/Runs") {
  static readonly layer = (folder: DataFolder) => Layer.effect(Runs, makeRuns(folder))
}

const makeRuns = Effect.fnUntraced(function* ({ root, socket }: DataFolder) {
  const key = sha256Hex(root).slice(0, 16)
  const files = makeRunFolder(socket.folder)
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const byPid = new Map<number, Run>()

  /** Without its record a process runs all the same; the next agent ends it, as it knows nothing of it. */
  const attempt = (act: () => void) => {
    try {
      act()
    } catch (cause) {
      fork(Effect.logWarning(`what runs could not be written down for the next agent: ${reasonOf(cause)}`))
    }
  }

  const runOf = (first: RunRecord): Run => {
    let record = first
    let isOver = false
    const set = (change: Partial<RunRecord>) => {
      if (isOver) return
      record = { ...record, ...change }
      attempt(() => files.writeRun(record))
    }
    const run: Run = {
      id: first.run,
      mark: first.mark,
      started: ({ pid, startTime }) => {
        byPid.set(pid, run)
        set({ process: { pid, startTime } })
      },
      up: () => set({ isUp: true }),
      leaving: (ms) => set({ isLeaving: true, drainUntil: uptimeMs() + ms }),
      ended: () => {
        isOver = true
        if (record.process !== undefined && byPid.get(record.process.pid) === run) byPid.delete(record.process.pid)
        attempt(() => files.removeRun(record))
      },
    }
    if (first.process !== undefined) byPid.set(first.process.pid, run)
    return run
  }

  const left = yield* findLeft(files, key, runOf)
  const ends = new Set(yield* files.ends)
  const failures = new Set(yield* files.failures)
  const orders = yield* files.sockets
  const poisons = new Map((yield* files.poison).map((record) => [record.set, record]))
  yield* Effect.sync(() => removeJournalFiles(socket.folder, new Set(left.map(({ run }) => run.id))))
  const waiting = new Set(left)

  return Runs.of({
    begin: (intent) =>
      Effect.map(Clock.currentTimeMillis, (startedAt) => {
        const { assignment, cgroup, count, generation, hasSocket, kind, restarts, slot } = intent
        const set = setIdOf(assignment)
        const id = `${idStart}${randomHex(16)}`
        const mark = `${key}/${assignment.name}/${placeOf(kind, slot)}/${id}`
        const state = { isUp: false, isLeaving: false }
        const record = {
          run: id,
          mark,
          bootId: currentBootId(),
          set,
          kind,
          slot,
          count,
          startedAt,
          hasSocket,
          ...(cgroup === undefined ? {} : { cgroup }),
          generation,
          restarts,
          assignment,
          ...state,
        }
        attempt(() => {
          files.writeRun(record)
          files.removeEnd({ set, kind, slot })
        })
        return runOf(record)
      }),
    take: (set) => {
      const poison = poisons.get(set)
      poisons.delete(set)
      const runs = [...waiting].filter(({ record }) => record.set === set).toSorted(inPlace)
      for (const one of runs) waiting.delete(one)
      return {
        runs,
        ended: claim(ends, set),
        failed: claim(failures, set),
        socketOrder: orders.find((one) => one.set === set)?.order,
        poison,
      }
    },
    rest: () => {
      const runs = [...waiting]
      waiting.clear()
      // A set that comes back later begins anew.
      attempt(() => {
        for (const end of ends) files.removeEnd(end)
        for (const failure of failures) files.removeFailure(failure)
      })
      ends.clear()
      failures.clear()
      return runs
    },
    stayDown: (end) => attempt(() => files.writeEnd({ ...end, bootId: currentBootId() })),
    keepFailure: (failure) => attempt(() => files.writeFailure({ ...failure, bootId: currentBootId() })),
    dropFailure: (place) => attempt(() => files.removeFailure(place)),
    keepOrder: (sockets) =>
      attempt(() =>
        sockets.order.length === 0
          ? files.removeSockets(sockets)
          : files.writeSockets({ ...sockets, bootId: currentBootId() }),
      ),
    keepPoison: (record) =>
      attempt(() =>
        record.suspects.length + record.poison.length === 0
          ? files.removePoison(record)
          : files.writePoison({ ...record, bootId: currentBootId() }),
      ),
    find: (pid) => byPid.get(pid),
  })
})

/** Those of a set; they are no others' any more. */
const claim = <A extends { readonly set: string }>(all: Set<A>, set: string): ReadonlyArray<A> => {
  const own = [...all].filter((one) => one.set === set)
  for (const one of own) all.delete(one)
  return own
}

/** Which of the processes of a run is the one that was started: it leads its session. */
const startedOf = (record: RunRecord, marked: ReadonlyArray<MarkedProcess>): ProcessIdentity | undefined => {
  const { process: known } = record
  if (known !== undefined) return { ...known, bootId: record.bootId }
  const leaders = marked.filter(({ mark, row }) => mark === record.mark && row.session === row.pid)
  return leaders.toSorted((a, b) => a.row.startTime - b.row.startTime)[0]?.row.identity
}

/**
 * What agents before this one have left. One that has ended by itself since is among them, as somebody has to hear of its
 * end; one that was to end is not. What those have left behind of themselves goes; marked processes of which there is no
 * record are of a run that has ended, or that nobody knows any more.
 */
const findLeft = Effect.fnUntraced(function* (files: RunFolder, key: string, runOf: (record: RunRecord) => Run) {
  const records = yield* files.runs
  const marked = markedProcesses(`${key}/`).filter(({ mark }) => idOf(mark).startsWith(idStart))
  const found: Array<LeftRun> = []
  for (const record of records) {
    const identity = startedOf(record, marked)
    const child = identity === undefined ? undefined : yield* Effect.promise(() => adoptProcess(identity, record.mark))
    if (identity === undefined || child === undefined || (child.wasOver && record.isLeaving)) {
      files.removeRun(record)
      continue
    }
    const run = runOf(record)
    if (record.process === undefined) run.started(identity)
    found.push({ run, record: { ...record, process: identity }, child })
  }
  const alive = new Set(found.filter(({ child }) => !child.wasOver).map(({ record }) => record.mark))
  for (const { mark, row } of marked) {
    if (alive.has(mark)) continue
    yield* Effect.logWarning(
      `pid ${row.pid} (${row.command.slice(0, 80)}) is left of ${mark}, which has ended: killing it`,
    )
    signalProcess(row.identity, "SIGKILL")
  }
  return found
})

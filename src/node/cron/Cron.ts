import { runReasons } from "../../domain/RunReason.ts"
import { Clock, Context, Effect, Exit, Layer, Result, Scope, Semaphore, Struct } from "effect"
import { CronSet, type CronTask } from "../../domain/Cron.ts"
import { scheduleFault } from "../../domain/Schedule.ts"
import { agentStopMaxMs } from "../../domain/StopTime.ts"
import { newId } from "../../platform/Ids.ts"
import type {
  CronHistory,
  CronOutput,
  CronRun,
  CronRuns,
  CronStarted,
  CronTaskStatus,
} from "../../protocol/CronMessages.ts"
import type { DataFolder } from "../DataFolder.ts"
import { CurrentDeparture } from "../Departure.ts"
import { type DiskFailed, Disk, readState, stateText } from "../Disk.ts"
import { NodeChanges } from "../NodeChanges.ts"
import { CronEntry, rowOf } from "./CronEntry.ts"
import { CronSkipped, InvalidCron, NoSuchCron, OlderCronSet } from "./CronErrors.ts"
import { CronRunner } from "./CronRunner.ts"
import {
  type CronStoreFailed,
  openCronStore,
  type RunningRun,
  storeFailed,
  type TaskRow,
  type WaitingRun,
} from "./CronStore.ts"
import { makeCronWrites } from "./CronWrites.ts"
import { makeTicker } from "./CronTicker.ts"
import { outputText, RunOutput } from "./RunOutput.ts"
import { makeTaskRuns } from "./TaskRuns.ts"

const gone = runReasons.taken
const firstTwice = (names: ReadonlyArray<string>) => names.find((name, index) => names.indexOf(name) !== index)

/** What is wrong with a set; undefined: nothing. */
const objectionTo = ({ tasks }: CronSet): string | undefined => {
  for (const field of ["id", "name"] as const) {
    const twice = firstTwice(tasks.map((task) => task[field]))
    if (twice !== undefined) return `tasks: the ${field} ${twice} is in the set twice`
  }
  for (const [index, task] of tasks.entries()) {
    const fault = scheduleFault(task.schedule)
    if (fault !== undefined) return `tasks.${index} (${task.name}): schedule.${fault.field}: ${fault.message}`
  }
  return undefined
}

/** Runs cron tasks by the set on this node's disk; it needs no manager for that. */
export class Cron extends Context.Service<
  Cron,
  {
    /** Takes a whole set. Tasks that are gone have ended when it answers. */
    readonly apply: (set: CronSet) => Effect.Effect<number, OlderCronSet | InvalidCron | DiskFailed>
    readonly revision: Effect.Effect<number>
    readonly statuses: Effect.Effect<ReadonlyArray<CronTaskStatus>>
    /** Runs it now, by its overlap policy; answers when it has begun, or waits for others to end. */
    readonly start: (taskId: string, by: string) => Effect.Effect<typeof CronStarted.Type, NoSuchCron | CronSkipped>
    /** Answers when it has ended. */
    readonly stop: (runId: string, by: string) => Effect.Effect<CronRun, NoSuchCron | CronStoreFailed>
    readonly runs: (taskId: string, limit: number, before?: string) => Effect.Effect<CronRuns, CronStoreFailed>
    readonly history: (after: string, limit: number) => Effect.Effect<CronHistory, CronStoreFailed | InvalidCron>
    readonly output: (runId: string) => Effect.Effect<CronOutput, NoSuchCron | CronStoreFailed>
  }
>()("muster/node/cron/Cron") {
  /** `lookMs`: how often the clock is looked at, as it may be put forward or back at any time. */
  static readonly layer = (folder: DataFolder["cron"], lookMs = 15_000) =>
    Layer.effect(
      Cron,
      Effect.gen(function* () {
        const disk = yield* Disk
        const departure = yield* CurrentDeparture
        const { announce: changed } = yield* NodeChanges
        const runner = yield* CronRunner
        const store = yield* openCronStore(folder.history)
        const writes = yield* makeCronWrites(store, folder.history)
        const scope = yield* Scope.make()
        const entries = new Map<string, CronEntry>()
        const applying = yield* Semaphore.make(1)
        const changing = yield* Semaphore.make(1)
        let revision = 0

        const read = <A>(ask: () => A) => Effect.try({ try: ask, catch: storeFailed(folder.history) })
        let ends = Math.max(yield* read(() => store.lastEnd()), yield* Clock.currentTimeMillis)
        // From the clock on, so that it grows on when the file is lost.
        const nextEnd = () => ++ends

        const known = new Map((yield* read(() => store.tasks())).map((row) => [row.id, row]))
        const ticker = yield* makeTicker({
          entries: () => entries.values(),
          store,
          writes,
          nextEnd,
          changed,
          scope,
          alone: changing.withPermit,
          lookMs,
        })

        /** Answers what to write down of it, if that is new. */
        const add = Effect.fnUntraced(function* (task: CronTask, now: number) {
          const before = known.get(task.id)
          const row = rowOf(task, before, now)
          const last = yield* read(() => store.last(task.id))
          const ahead = new Set(yield* read(() => store.ahead(task.id, now)))
          let entry: CronEntry | undefined
          const runs = yield* makeTaskRuns({
            task: () => entry?.task ?? task,
            runner,
            writes,
            nextEnd,
            changed,
            scope,
            last,
          })
          const made = CronEntry.make({ task, row, ahead, runs })
          if (Result.isFailure(made)) {
            yield* Effect.logError(`cron task ${task.name} is not run: ${made.failure.message}`)
            return undefined
          }
          entry = made.success
          entries.set(task.id, entry)
          return row === before ? undefined : row
        })

        const change = Effect.fnUntraced(function* (entry: CronEntry, task: CronTask, now: number) {
          const row = rowOf(task, entry.row, now)
          const isSame = row === entry.row
          entry.change(task, row)
          if (isSame) return undefined
          const drops = ({ cause }: WaitingRun) =>
            cause === "schedule" || cause === "missed" || (cause === "retry" && !task.enabled)
          yield* entry.runs.dropWaiting(drops, task.enabled ? "the schedule was changed" : "the task was switched off")
          return row
        })

        const run = Effect.fnUntraced(function* (tasks: ReadonlyArray<CronTask>) {
          const now = yield* Clock.currentTimeMillis
          const wanted = new Set(tasks.map(({ id }) => id))
          const leaving = [...entries.values()].filter(({ task }) => !wanted.has(task.id))
          for (const { task } of leaving) {
            entries.delete(task.id)
            known.delete(task.id)
          }
          const rows: Array<TaskRow> = []
          for (const task of tasks) {
            const entry = entries.get(task.id)
            const row = yield* entry === undefined ? add(task, now) : change(entry, task, now)
            if (row !== undefined) rows.push(row)
          }
          yield* writes.persist(() => {
            for (const { task } of leaving) store.removeTask(task.id, now)
            for (const row of rows) store.putTask(row)
          })
          return leaving
        })

        const apply = Effect.fn("Cron.apply")(function* (set: CronSet) {
          if (set.revision < revision) return yield* new OlderCronSet({ revision: set.revision, have: revision })
          if (set.revision === revision) return revision
          const objection = objectionTo(set)
          if (objection !== undefined) return yield* new InvalidCron({ message: objection })
          yield* disk.write(folder.set, stateText(set))
          revision = set.revision
          yield* Effect.logInfo(`cron set is now revision ${revision}; tasks: ${set.tasks.length}`)
          const leaving = yield* changing.withPermit(Effect.orDie(run(set.tasks)))
          yield* ticker.poke
          yield* changed
          yield* Effect.forEach(leaving, ({ runs }) => runs.remove(gone), { concurrency: "unbounded", discard: true })
          return revision
        })

        const runOf = Effect.fnUntraced(function* (id: string) {
          const found = yield* read(() => store.run(id))
          return found ?? (yield* new NoSuchCron({ what: "run", id }))
        })

        const start = Effect.fn("Cron.start")(function* (taskId: string, by: string) {
          const entry = entries.get(taskId)
          if (entry === undefined) return yield* new NoSuchCron({ what: "task", id: taskId })
          const now = yield* Clock.currentTimeMillis
          const waiting: WaitingRun = {
            id: newId(),
            taskId,
            cause: "manual",
            dueAt: now,
            attempt: 1,
            by,
            notBefore: now,
          }
          yield* writes.persist(() => store.insertWaiting(waiting))
          const outcome = yield* entry.runs.consider(waiting)
          if (outcome._tag === "Skipped") return yield* new CronSkipped({ reason: outcome.reason })
          return { runId: waiting.id }
        }, Effect.uninterruptible)

        const stop = Effect.fn("Cron.stop")(function* (runId: string, by: string) {
          for (const { runs } of entries.values()) {
            const ended = yield* runs.stop(runId, by)
            if (ended !== undefined) return ended
          }
          return yield* runOf(runId)
        })

        /** Takes up what an agent before this one had begun: a run that goes on, or one that nobody knows the end of. */
        const resume = Effect.fnUntraced(function* (row: RunningRun) {
          const { bootId, pid, startTime, uid, ...begun } = row
          const action =
            pid === null || startTime === null || bootId === null
              ? undefined
              : yield* runner.adopt({
                  id: begun.id,
                  taskId: begun.taskId,
                  process: { pid, startTime, bootId, uid: uid ?? undefined },
                })
          const runs = entries.get(begun.taskId)?.runs
          if (action !== undefined && runs !== undefined) {
            yield* runs.adopt(begun, action)
            return
          }
          const endedAt = yield* Clock.currentTimeMillis
          const output = action === undefined ? yield* runner.said(begun.id) : action.output
          const nothing = { exitCode: null, signal: null, by: begun.by, endedAt, output } as const
          const end =
            action === undefined
              ? ({ state: "lost", ...nothing, reason: runReasons.agentEnded } as const)
              : ({ state: "stopped", ...nothing, reason: gone } as const)
          const write = writes.persist(() => store.end(begun.id, end, nextEnd()))
          if (action === undefined) return yield* write
          yield* Effect.forkIn(action.stop.pipe(Effect.andThen(write), Effect.andThen(action.written)), scope)
        })

        const resumeWaiting = Effect.fnUntraced(function* (waiting: WaitingRun) {
          const runs = entries.get(waiting.taskId)?.runs
          if (runs !== undefined) {
            yield* Effect.forkIn(runs.wait(waiting), scope)
            return
          }
          const endedAt = yield* Clock.currentTimeMillis
          const end = { state: "skipped", exitCode: null, signal: null, by: waiting.by, reason: gone, endedAt } as const
          yield* writes.persist(() => store.end(waiting.id, end, nextEnd()))
        })

        // What runs goes on when the agent leaves, and the next one takes it over.
        const end = Effect.suspend(() =>
          Effect.forEach([...entries.values()], ({ runs }) => (departure.how === "stop" ? runs.close : runs.leave), {
            concurrency: "unbounded",
            discard: true,
          }),
        )
        yield* Effect.addFinalizer(() =>
          end.pipe(Effect.timeoutOption(agentStopMaxMs), Effect.andThen(Scope.close(scope, Exit.void))),
        )

        const stored = yield* readState(folder.set, CronSet)
        if (stored !== undefined) revision = stored.revision
        yield* run(stored?.tasks ?? [])
        const now = yield* Clock.currentTimeMillis
        const orphaned = [...known.keys()].filter((id) => !entries.has(id))
        // One that comes back begins anew.
        for (const id of orphaned) known.delete(id)
        yield* writes.persist(() => {
          for (const id of orphaned) store.removeTask(id, now)
        })
        const running = yield* read(() => store.running())
        yield* Effect.forEach(running, resume, { discard: true })
        yield* Effect.forEach(yield* read(() => store.waiting()), resumeWaiting, { discard: true })
        yield* runner.sweep(new Set(running.map(({ id }) => id)))
        yield* ticker.run

        return Cron.of({
          // Not to be cut off by a caller that went away: half a set would run, and count as applied.
          apply: (set) => applying.withPermit(Effect.uninterruptible(apply(set))),
          revision: Effect.sync(() => revision),
          statuses: Effect.sync(() => Array.from(entries.values(), ({ status }) => status)),
          start,
          stop,
          runs: (taskId, limit, before) =>
            read(() => ({ runs: store.page(taskId, before, limit), total: store.count(taskId) })),
          history: Effect.fnUntraced(function* (after, limit) {
            if (!/^\d{0,15}$/.test(after)) {
              return yield* new InvalidCron({
                message: `after is ${JSON.stringify(after)}, expected the cursor of an answer before, or nothing`,
              })
            }
            const found = yield* read(() => store.endedAfter(Number(after), limit + 1))
            const runs = found.slice(0, limit)
            return {
              runs: runs.map((run) => Struct.omit(run, ["endSeq"])),
              cursor: `${runs.at(-1)?.endSeq ?? (after === "" ? 0 : after)}`,
              more: found.length > limit,
            }
          }),
          output: Effect.fnUntraced(function* (runId) {
            for (const { runs } of entries.values()) {
              const now = runs.output(runId)
              if (now !== undefined) return outputText(now)
            }
            yield* runOf(runId)
            return outputText((yield* read(() => store.output(runId))) ?? new RunOutput())
          }),
        })
      }),
    )
}

import { Effect, Layer } from "effect"
import { noticeTexts } from "../../domain/NoticeText.ts"
import { type ProcessAssignment, setIdOf, takesSocket } from "../../domain/ProcessSpec.ts"
import { ageMs, uptimeMs } from "../../platform/ProcessAge.ts"
import type { DataFolder } from "../DataFolder.ts"
import { CurrentDeparture } from "../Departure.ts"
import { KeyLog } from "../keys/KeyLog.ts"
import { monotonicMs } from "../Monotonic.ts"
import { Notices } from "../Notices.ts"
import { type Adopted, type AdoptedRun, Adoption } from "../supervisor/Hooks.ts"
import { Launcher } from "../supervisor/Launcher.ts"
import type { Ledger } from "../supervisor/Ledger.ts"
import { type AdoptedSockets, type Member, without } from "../supervisor/SocketGroup.ts"
import { SlotSockets } from "../supervisor/SlotSockets.ts"
import { WorkerRegistry } from "../supervisor/WorkerRegistry.ts"
import { TaskQueues } from "../tasks/TaskQueues.ts"
import { bookOf, entriesOf } from "./PoisonRecord.ts"
import { keyLogPath } from "./RunFolder.ts"
import { launchedFrom, lineageOf } from "./RunRecord.ts"
import { type LeftRun, Runs } from "./Runs.ts"

const lostSocket = "socket-not-kept"

const isSamePlace = (a: AdoptedRun, b: AdoptedRun) => a.kind === b.kind && a.slot === b.slot

const stands = (from: ProcessAssignment | undefined, now: ProcessAssignment) =>
  from !== undefined &&
  from.spec.kind === now.spec.kind &&
  from.listen?.ip === now.listen?.ip &&
  from.listen?.port === now.listen?.port

const isOver = ({ over }: AdoptedRun) => over !== undefined

/** Of several at one place the newest that was up goes on, before those that have ended; the others end, as they would have. */
const withOneEach = (runs: ReadonlyArray<AdoptedRun>): ReadonlyArray<AdoptedRun> => {
  const byWorth = runs.toSorted(
    (a, b) => Number(isOver(a)) - Number(isOver(b)) || Number(b.up) - Number(a.up) || b.startedAt - a.startedAt,
  )
  return runs.map((one) => {
    const first = byWorth.find((other) => !other.leaving && isSamePlace(one, other))
    return one === first || one.leaving ? one : { ...one, leaving: true }
  })
}

/** The kernel's order of the sockets that are still there, by the order before; undefined when that can't be told. */
export const orderOf = (
  before: ReadonlyArray<number> | undefined,
  there: ReadonlyMap<number, number>,
): ReadonlyArray<number> | undefined => {
  if (there.size <= 1) return [...there.keys()]
  if (before === undefined || [...there.keys()].some((slot) => !before.includes(slot))) return undefined
  const gone = before.filter((slot) => !there.has(slot))
  const [first] = gone
  if (first === undefined) return before
  // Of several nobody knows which went first.
  return gone.length === 1 ? without(before, before.indexOf(first)) : undefined
}

/** Takes over what the agent before this one has left running, set by set, and keeps what the next one has to know. */
export const adopting = (folder: DataFolder) =>
  Layer.effect(
    Adoption,
    Effect.gen(function* () {
      const runs = yield* Runs
      const launcher = yield* Launcher
      const queues = yield* TaskQueues
      const slots = yield* SlotSockets
      const notices = yield* Notices
      const registry = yield* WorkerRegistry
      const departure = yield* CurrentDeparture
      const fork = Effect.runForkWith(yield* Effect.context<never>())
      const sockets = new Map<string, ReadonlyArray<Member>>()

      const handOn = Effect.suspend(() => {
        const all = [...sockets].flatMap(([set, members]) => members.map((member) => ({ set, ...member })))
        if (departure.how === "upgrade") departure.sockets.push(...all)
        // Nobody listens in this process's name any more.
        return departure.how === "leave"
          ? Effect.forEach(all, ({ fd }) => slots.close(fd), { discard: true })
          : Effect.void
      })
      yield* Effect.addFinalizer(() => handOn)

      const adoptRun = Effect.fnUntraced(function* (left: LeftRun, assignment: ProcessAssignment, ledger: Ledger) {
        const { cgroup, count, drainUntil, generation, isLeaving, isUp, kind, slot } = left.record
        const { wasOver } = left.child
        const { restarts } = lineageOf(left.record)
        const from = launchedFrom(left.record)
        const source = from ?? assignment
        const launched = yield* launcher.adopt(left, {
          ...lineageOf(left.record),
          assignment: source,
          kind,
          slot,
          count,
          poison: [],
          ledger,
        })
        if (kind === "tasks" && isUp && !wasOver) yield* queues.expect({ name: assignment.name, pid: launched.pid })
        const run: AdoptedRun = {
          kind,
          slot,
          launched,
          assignment: source,
          startedAt: (yield* monotonicMs) - ageMs(left.child.identity),
          up: isUp,
          leaving: isLeaving || !stands(from, assignment),
          ...(wasOver ? { over: { cgroup } } : {}),
          ...(drainUntil === undefined ? {} : { drainMs: Math.max(0, drainUntil - uptimeMs()) }),
          ...(generation === undefined ? {} : { generation }),
          restarts,
        }
        return run
      })

      /** What was handed on within this process, else what the processes themselves have. */
      const findSockets = Effect.fnUntraced(function* (
        assignment: ProcessAssignment,
        left: ReadonlyArray<LeftRun>,
        before: ReadonlyArray<number> | undefined,
      ) {
        const { listen } = assignment
        const there = new Map<number, number>()
        let missing: LeftRun | undefined
        if (listen === null || !takesSocket(assignment)) return { there, order: [], missing }
        for (const { fd, slot } of departure.claim(setIdOf(assignment))) {
          if (yield* slots.isAt(fd, listen)) there.set(slot, fd)
          else yield* slots.close(fd)
        }
        if (there.size > 0) return { there, order: [...there.keys()], missing }
        const holders = left.filter(
          ({ child, record }) => record.hasSocket && record.kind === "calls" && !child.wasOver,
        )
        for (const one of holders.toSorted((a, b) => Number(a.record.isLeaving) - Number(b.record.isLeaving))) {
          const { slot } = one.record
          if (there.has(slot)) continue
          const fd = yield* slots.take(one.child.identity, listen)
          if (fd !== undefined) there.set(slot, fd)
          else if (!one.record.isLeaving && stands(launchedFrom(one.record), assignment)) missing = one
        }
        return { there, order: orderOf(before, there), missing }
      })

      const adoptSockets = Effect.fnUntraced(function* (
        assignment: ProcessAssignment,
        left: ReadonlyArray<LeftRun>,
        before: ReadonlyArray<number> | undefined,
      ) {
        const { missing, order, there } = yield* findSockets(assignment, left, before)
        if (missing !== undefined) yield* tellMissing(assignment, missing)
        if (order === undefined)
          yield* Effect.logWarning(
            "the order of its listening sockets is not known: connections are not led past a worker that is being replaced, and wait for the new one",
          )
        const members = (order ?? [...there.keys()]).flatMap((slot) => {
          const fd = there.get(slot)
          return fd === undefined ? [] : [{ slot, fd }]
        })
        sockets.set(setIdOf(assignment), members)
        const adopted: AdoptedSockets = { members, isOrderKnown: order !== undefined, isShared: missing !== undefined }
        return adopted
      })

      const tellMissing = Effect.fnUntraced(function* ({ name }: ProcessAssignment, { child, record }: LeftRun) {
        const { pid } = child.identity
        yield* notices.raise(lostSocket, name, noticeTexts.socket(record.slot, pid))
        child.onExit(() => void fork(notices.clear(lostSocket, name)))
      })

      const adopt = Effect.fnUntraced(
        function* (assignment: ProcessAssignment, ledger: Ledger) {
          const set = setIdOf(assignment)
          const { ended, failed, poison, runs: left, socketOrder } = runs.take(set)
          const now = yield* monotonicMs
          const alive = left.filter(({ child }) => !child.wasOver)
          const pids = new Set(alive.map(({ child }) => child.identity.pid))
          const log = new KeyLog(
            keyLogPath(folder.socket.folder, set),
            (error) =>
              void fork(Effect.logWarning(`idempotency keys can't be kept for the next agent: ${String(error)}`)),
          )
          ledger.keys.keepIn(log, { now, bootMs: uptimeMs(), isAlive: (pid) => pids.has(pid) })
          if (alive.length > 0)
            yield* Effect.logInfo(`takes over ${alive.length} processes that run: pid ${[...pids].join(", ")}`)
          const adopting = yield* Effect.forEach(left, (one) => adoptRun(one, assignment, ledger))
          // It may have been renamed meanwhile.
          registry.rename(ledger, assignment.name, assignment.spec.service)
          const adopted: Adopted = {
            ended: ended.map(({ good, kind, reason, since, slot, ...record }) => ({
              kind,
              slot,
              assignment: launchedFrom(record),
              ended: { reason, good, since },
            })),
            failing: failed.map(({ kind, past, reason, restarts, since, slot, state, until, ...record }) => ({
              kind,
              slot,
              assignment: launchedFrom(record),
              failing: {
                state,
                past,
                reason,
                restarts,
                since,
                until: until === null ? null : until - uptimeMs() + now,
              },
            })),
            sockets: yield* adoptSockets(assignment, left, socketOrder),
            poison: poison && {
              generation: poison.generation,
              assignment: launchedFrom(poison),
              book: bookOf(poison, uptimeMs() - now),
            },
            runs: withOneEach(adopting),
          }
          return adopted
        },
        (effect, { name }) => Effect.annotateLogs(effect, { service: name }),
      )

      return {
        adopt,
        sockets: (assignment, members) =>
          Effect.sync(() => {
            const set = setIdOf(assignment)
            sockets.set(set, members)
            runs.keepOrder({ set, order: members.map(({ slot }) => slot) })
          }),
        poison: (assignment, generation, book) =>
          Effect.map(monotonicMs, (now) =>
            runs.keepPoison({
              set: setIdOf(assignment),
              generation,
              assignment,
              ...entriesOf(book, uptimeMs() - now),
            }),
          ),
        left: (_, pid, withinMs) => Effect.sync(() => runs.find(pid)?.leaving(withinMs)),
        exited: ({ assignment, kind, slot }, ended) =>
          Effect.sync(() => runs.stayDown({ ...ended, set: setIdOf(assignment), kind, slot, assignment })),
        failing: ({ assignment, kind, slot }, failing) =>
          Effect.map(monotonicMs, (now) => {
            const place = { set: setIdOf(assignment), kind, slot }
            if (failing === undefined) return runs.dropFailure(place)
            const until = failing.until === null ? null : failing.until - now + uptimeMs()
            runs.keepFailure({ ...failing, ...place, until, assignment })
          }),
      }
    }),
  )

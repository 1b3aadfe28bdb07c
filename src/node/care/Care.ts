import { Context, Deferred, Effect, Layer } from "effect"
import { explainedEnd, type Limits } from "../../domain/Limit.ts"
import { type ProcessAssignment, setIdOf } from "../../domain/ProcessSpec.ts"
import { oomKillsOfHost } from "../../platform/Cgroup.ts"
import { randomHex } from "../../platform/Ids.ts"
import { textOf } from "../../protocol/ErrorText.ts"
import { Logs } from "../logs/Logs.ts"
import { EachSecond } from "../EachSecond.ts"
import { monotonicMs } from "../Monotonic.ts"
import type { Enclosure } from "../limits/Enclosures.ts"
import { Limiting } from "../limits/Limiting.ts"
import type { AdoptedRun } from "../supervisor/Hooks.ts"
import { type Ended, type Launched, type LaunchRequest, placeName } from "../supervisor/Launched.ts"
import { Usage, type Watched } from "../usage/Usage.ts"

type Place = Pick<LaunchRequest, "assignment" | "kind" | "slot">

/**
 * What is done for each process of a set from its start to its end: it is measured, kept within its limits, and asked how
 * it came to its end.
 */
export const Care = Context.Reference<{
  /** Starts a process by `launch`, in a group of its own when it has limits. */
  readonly begin: <E>(
    place: Place,
    launch: (group: Pick<LaunchRequest, "cgroup">) => Effect.Effect<Launched, E>,
  ) => Effect.Effect<Launched, E>
  /** Takes on one that an agent before this one has started. `over`: it has ended since. */
  readonly adopt: (launched: Launched, from: ProcessAssignment, over?: AdoptedRun["over"]) => Effect.Effect<Launched>
  /** What it uses, also for some time after its end. */
  readonly usageOf: (launched: Launched) => Watched | undefined
  /** What it was started from. */
  readonly sourceOf: (launched: Launched) => ProcessAssignment | undefined
  /** The limits of a set may have changed: those that run are to keep them too. */
  readonly limit: (assignment: ProcessAssignment, running: ReadonlyArray<Launched>) => Effect.Effect<void>
  /** The set is run no more. */
  readonly leave: (assignment: ProcessAssignment) => Effect.Effect<void>
  /** For the set's status: why limits that are asked for are not in force. */
  readonly missing: (limits: Limits) => string | null
}>("muster/node/care/Care", {
  defaultValue: () => ({
    begin: (_, launch) => launch({}),
    adopt: Effect.succeed,
    usageOf: () => undefined,
    sourceOf: () => undefined,
    limit: () => Effect.void,
    leave: () => Effect.void,
    missing: () => null,
  }),
})

/** The kernel's count is looked at each second; a process that it has killed ends within this time. */
const oomRecentMs = 3_000

const live = Effect.gen(function* () {
  const usage = yield* Usage
  const limiting = yield* Limiting
  const logs = yield* Logs
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const watched = new WeakMap<Launched, Watched>()
  const enclosures = new WeakMap<Launched, Enclosure>()
  const sources = new WeakMap<Launched, ProcessAssignment>()
  /** Under which name a set's limits were told of last, by its id. */
  const names = new Map<string, string>()
  let oomKills = oomKillsOfHost()
  let oomKilledAt = -Infinity

  const lookForOom = (now: number) => {
    const kills = oomKillsOfHost() ?? oomKills
    if (oomKills !== undefined && kills !== oomKills) oomKilledAt = now
    oomKills = kills
    return now - oomKilledAt < oomRecentMs
  }
  yield* (yield* EachSecond).look("ask for processes that the kernel killed", ({ now }) => void lookForOom(now))

  /** What can be said of an end that we have not brought about. */
  const explain = Effect.fnUntraced(function* (ended: Ended, enclosure: Enclosure | undefined, limits: Limits) {
    const inGroup = enclosure?.wasOutOfMemory === true
    const found = explainedEnd(ended, { inGroup, onHost: lookForOom(yield* monotonicMs) }, limits.memoryMaxBytes)
    return { ...ended, ...found }
  })

  const take = Effect.fnUntraced(function* (
    launched: Launched,
    from: ProcessAssignment,
    enclosure: Enclosure | undefined,
  ) {
    const ended = yield* Deferred.make<Ended>()
    const own = usage.watch(launched.pid, () => launched.report()?.stats.loop_lag_ms ?? null)
    let isKilled = false
    const taken: Launched = {
      ...launched,
      exited: Deferred.await(ended),
      kill: Effect.suspend(() => {
        isKilled = true
        return launched.kill
      }),
    }
    watched.set(taken, own)
    sources.set(taken, from)
    if (enclosure !== undefined) enclosures.set(taken, enclosure)
    fork(
      Effect.gen(function* () {
        const how = { ...(yield* launched.exited), saidUntil: yield* logs.taken }
        own.stop()
        const group = enclosures.get(taken)
        const told = isKilled ? how : yield* explain(how, group, from.spec.run)
        if (group !== undefined) yield* limiting.release(group)
        yield* Deferred.succeed(ended, told)
      }),
    )
    return taken
  })

  const enter = (enclosure: Enclosure, launched: Launched) =>
    Effect.try({ try: () => enclosure.group.add(launched.pid), catch: textOf }).pipe(
      Effect.catch((why) =>
        // One that has ended already needs no limits.
        why.endsWith("ESRCH") ? Effect.void : Effect.logWarning(`cgroup: its limits are not in force: ${why}`),
      ),
    )

  const limitOne = Effect.fnUntraced(function* (launched: Launched, name: string, limits: Limits) {
    const known = enclosures.get(launched)
    if (known !== undefined)
      return yield* Effect.try({ try: () => known.limit(limits), catch: textOf }).pipe(
        Effect.catch((why) => Effect.logWarning(`cgroup: the new limits are not in force: ${why}`)),
      )
    const enclosure = yield* limiting.enclose(name, limits)
    if (enclosure === undefined) return
    enclosures.set(launched, enclosure)
    for (const { pid } of watched.get(launched)?.tree() ?? [])
      yield* Effect.ignore(Effect.try({ try: () => enclosure.group.add(pid), catch: textOf }))
  })

  const groupName = ({ assignment: { name }, kind, slot }: Place) =>
    `${name}+${placeName(kind, slot).replace("/", "-")}.${randomHex(4)}`

  return Care.of({
    begin: (place, launch) =>
      Effect.gen(function* () {
        const limits = place.assignment.spec.run
        const enclosure = yield* limiting.enclose(groupName(place), limits)
        const release = enclosure === undefined ? Effect.void : limiting.release(enclosure)
        const group = enclosure === undefined ? {} : { cgroup: enclosure.group.path }
        const launched = yield* Effect.onError(launch(group), () => release)
        const entered = enclosure === undefined ? Effect.void : enter(enclosure, launched)
        // It would run without anybody knowing.
        return yield* Effect.onError(
          Effect.andThen(entered, take(launched, place.assignment, enclosure)),
          () => launched.kill,
        )
      }),
    adopt: (launched, from, over) =>
      take(
        launched,
        from,
        // Its pid may be another's by now.
        over === undefined ? limiting.enclosureOf(launched.pid) : limiting.formerEnclosure(over.cgroup),
      ),
    usageOf: (launched) => watched.get(launched),
    sourceOf: (launched) => sources.get(launched),
    limit: Effect.fnUntraced(function* (assignment, running) {
      const { name, spec } = assignment
      const former = names.get(setIdOf(assignment))
      if (former !== undefined && former !== name) yield* limiting.notify(former, null)
      names.set(setIdOf(assignment), name)
      // Nothing runs without them where nothing is to run.
      yield* limiting.notify(name, spec.desired === "stopped" ? null : limiting.missing(spec.run))
      for (const launched of running) yield* limitOne(launched, `${name}+${randomHex(6)}`, spec.run)
    }),
    leave: (assignment) =>
      Effect.suspend(() => {
        names.delete(setIdOf(assignment))
        return limiting.notify(assignment.name, null)
      }),
    missing: limiting.missing,
  })
})

export const careLayer = Layer.effect(Care, live)

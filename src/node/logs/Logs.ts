import { Clock, Context, Data, Effect, Layer, Queue } from "effect"
import { noticeTexts } from "../../domain/NoticeText.ts"
import type { ProcessAssignment } from "../../domain/ProcessSpec.ts"
import { defaultRunSettings, type RunSettings } from "../../domain/RunSetting.ts"
import { namesIn } from "../../platform/LogFile.ts"
import { join } from "../../platform/Paths.ts"
import { untilWhole } from "../../platform/Time.ts"
import type { DataFolder } from "../DataFolder.ts"
import type { LogFiles, LogLine, LogsRequest } from "../../protocol/LogMessages.ts"
import { EachSecond } from "../EachSecond.ts"
import { Notices } from "../Notices.ts"
import { Pipes } from "../Pipes.ts"
import { logFiles } from "./LogFilesView.ts"
import { LogReading } from "./LogReading.ts"
import { compress, removeIdle, renameFolder, retain, uncompressed } from "./Housekeeping.ts"
import { Pump, type Sink } from "./Pump.ts"

/**
 * Between two looks at the pipes: when much comes, when something does, and when nothing has for a while, with and without
 * anybody who waits for it.
 */
const busyMs = 2
const turnMs = 50
const quietMs = 100
const unwatchedMs = 250
/** Less than the smallest file. */
const muchBytes = 32 * 1024
const quietAfterTurns = 20
const lookAtAllMs = 3_600_000
/** The logs of a process set that was taken off the node stay for so long after their last line. */
const removedKeepMs = 30 * 86_400_000
/** In so many turns the pipes are empty, if nothing more comes: none holds more than 16 of the smallest files. */
const turnsMax = 32
const noticeCode = "logs-stopped"

/** There are no logs of a process set of this name. */
export class NoSuchLogs extends Data.TaggedError("NoSuchLogs")<{ readonly name: string }> {
  override get message() {
    return `this node has no logs of ${JSON.stringify(this.name)}`
  }
}

/** What the processes of a node say. `place`: an instance of a process set, `0` or `tasks/0`. */
export class Logs extends Context.Service<
  Logs,
  {
    /** Throws with the reason when it can't be had. */
    readonly sink: (name: string, place: string) => Sink
    /** All that this node runs from now on, and how their logs are kept. */
    readonly assign: (processes: ReadonlyArray<ProcessAssignment>) => Effect.Effect<void>
    /** Of its own whoever asks: it ends with its `return`, and holds files until then. */
    readonly read: (request: LogsRequest) => Effect.Effect<LogReading, NoSuchLogs>
    readonly files: (name: string) => Effect.Effect<LogFiles, NoSuchLogs>
    /** Takes all that processes have said by now; gives the time of the last of it, milliseconds since 1970. */
    readonly taken: Effect.Effect<number>
    /** The last lines of one instance, its last words included when it has just ended; none when there are none. */
    readonly lastLines: (name: string, place: string, count: number) => Effect.Effect<ReadonlyArray<LogLine>>
  }
>()("muster/node/logs/Logs") {
  static readonly layer = (folder: DataFolder) =>
    Layer.effect(
      Logs,
      Effect.gen(function* () {
        const notices = yield* Notices
        const { fifos, folder: pipes, make } = yield* Pipes
        const settings = new Map<string, RunSettings>()
        const settingsOf = (name: string) => settings.get(name) ?? defaultRunSettings
        const folderOf = (name: string) => join(folder.logs, name)
        /** Process sets whose files have changed in number or size, or whose limits have. */
        const untidy = new Set<string>()
        const rotations = yield* Queue.sliding<void>(1)
        let lookedAt = Number.NEGATIVE_INFINITY
        let isAssigned = false
        /** Names of the process sets by their ids, which stay when a service is renamed. */
        let names: ReadonlyMap<string, string> = new Map()

        /** Who waits for lines of a process set. */
        const waiting = new Map<string, Array<() => void>>()

        const pump = new Pump({
          fifos,
          make,
          pipes,
          folderOf,
          limitsOf: (name) => {
            const { logMaxAgeMs, logMaxBytes } = settingsOf(name)
            return { maxBytes: logMaxBytes, maxAgeMs: logMaxAgeMs }
          },
          rotated: (name) => {
            untidy.add(name)
            Queue.offerUnsafe(rotations, undefined)
          },
          came: (name) => {
            for (const resolve of waiting.get(name)?.splice(0) ?? []) resolve()
          },
        })
        const clock = yield* Clock.Clock
        /** Takes a step at the time that it is then: had somebody else his turn in between, lines would be out of their order. */
        const atOnce = <A>(what: string, act: (now: number) => A) =>
          attempt(what, () => act(clock.currentTimeMillisUnsafe()))
        const takeAll = (now: number) => {
          for (let turns = 0; turns < turnsMax && pump.turn(now) > 0; turns++);
          return now
        }
        const taken = Effect.flatMap(atOnce("take what processes say", takeAll), (at) =>
          at === undefined ? Clock.currentTimeMillis : Effect.succeed(at),
        )
        const pauseMs = (taken: number, quietTurns: number) => {
          if (taken >= muchBytes) return busyMs
          if (quietTurns <= quietAfterTurns) return turnMs
          return untilWhole([...waiting.values()].some(({ length }) => length > 0) ? quietMs : unwatchedMs)
        }
        const came = (name: string) =>
          new Promise<void>((resolve) => {
            const those = waiting.get(name) ?? []
            waiting.set(name, those)
            those.push(resolve)
          })

        const rename = (from: string, to: string, now: number) => {
          if (pump.rename(from, to)) renameFolder(folderOf(from), folderOf(to), now)
        }

        const known = Effect.fnUntraced(function* (name: string) {
          if (!settings.has(name) && !namesIn(folder.logs).includes(name)) return yield* new NoSuchLogs({ name })
          return folderOf(name)
        })

        const told = new Set<string>()
        /** What is to be said of what can't be written, if anything. */
        const tell = () => {
          const failures = pump.failures()
          if (failures.size === 0 && told.size === 0) return undefined
          const over = [...told].filter((name) => !failures.has(name))
          for (const name of over) told.delete(name)
          for (const name of failures.keys()) told.add(name)
          return Effect.andThen(
            Effect.forEach(over, (name) => notices.clear(noticeCode, name), { discard: true }),
            Effect.forEach(failures, ([name, { reason }]) => notices.raise(noticeCode, name, noticeTexts.log(reason)), {
              discard: true,
            }),
          )
        }

        let quietTurns = 0
        /** Looks for ever; a turn that fails is told, and the next one comes all the same. */
        const look = atOnce("take what processes say", (now) => pump.turn(now)).pipe(
          Effect.flatMap((taken = 0) => {
            quietTurns = taken === 0 ? quietTurns + 1 : 0
            return Effect.sleep(pauseMs(taken, quietTurns))
          }),
          Effect.forever,
        )

        const tidy = Effect.fnUntraced(function* (name: string) {
          if (!settings.has(name)) return yield* tidyRemoved(name)
          const { logGzip, logKeep, logTotalBytes } = settingsOf(name)
          yield* Effect.promise(() => retain(folderOf(name), { keep: logKeep, totalBytes: logTotalBytes }))
          if (!logGzip) return
          const [oldest, ...others] = yield* Effect.promise(() => uncompressed(folderOf(name)))
          if (oldest === undefined) return
          yield* Effect.promise(() => compress(folderOf(name), oldest))
          // One at a time: meanwhile the others may have become too many.
          if (others.length > 0) untidy.add(name)
        })

        /** Until it was said what runs here, no log is one of a set that was removed. */
        const tidyRemoved = Effect.fnUntraced(function* (name: string) {
          if (!isAssigned) return
          const now = yield* Clock.currentTimeMillis
          if (yield* Effect.promise(() => removeIdle(folderOf(name), now, removedKeepMs)))
            yield* Effect.logInfo(`${name} was taken off this node 30 days ago or more: its logs are removed`)
        })

        const tidyAll = Effect.gen(function* () {
          for (const name of untidy) {
            untidy.delete(name)
            yield* tidy(name).pipe(
              Effect.catchCause((cause) => Effect.logWarning(`the logs of ${name} can't be tidied up`, cause)),
            )
          }
        })

        yield* Effect.addFinalizer(() =>
          atOnce("take the last that processes have said", (now) => {
            // Those that go on without this agent never cease; the next one takes what they say.
            takeAll(now)
            pump.close()
          }),
        )
        pump.adopt(yield* Clock.currentTimeMillis)
        yield* Effect.forkScoped(look)
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(Queue.take(rotations), tidyAll)))
        yield* (yield* EachSecond).look("look after the logs", ({ at }) => {
          pump.settle(at)
          if (Math.abs(at - lookedAt) >= lookAtAllMs) {
            lookedAt = at
            for (const name of namesIn(folder.logs)) untidy.add(name)
          }
          if (untidy.size > 0) Queue.offerUnsafe(rotations, undefined)
          return tell()
        })

        return Logs.of({
          sink: (name, place) => pump.sink(name, place),
          assign: Effect.fnUntraced(function* (processes) {
            const now = yield* Clock.currentTimeMillis
            for (const { id = "", name } of processes) {
              const former = names.get(id)
              if (former !== undefined && former !== name)
                yield* attempt("rename logs", () => rename(former, name, now))
            }
            names = new Map(processes.flatMap(({ id, name }) => (id === undefined ? [] : [[id, name]])))
            settings.clear()
            for (const { name, spec } of processes) {
              settings.set(name, spec.run)
              untidy.add(name)
            }
            isAssigned = true
          }),
          read: (request) =>
            Effect.map(
              known(request.name),
              (folder) => new LogReading({ folder, request, came: () => came(request.name) }),
            ),
          files: (name) => Effect.flatMap(known(name), (folder) => Effect.promise(() => logFiles(folder))),
          taken,
          lastLines: Effect.fnUntraced(function* (name, place, count) {
            yield* taken
            const request = { name, places: [place], tail: count }
            const reading = new LogReading({ folder: folderOf(name), request, came: () => came(name) })
            return yield* Effect.promise(() => Array.fromAsync(reading)).pipe(
              Effect.map((batches) => batches.flatMap(({ lines }) => lines)),
            )
          }),
        })
      }),
    )
}

/** What it throws is told, and nothing else comes of it. */
const attempt = <A>(what: string, act: () => A) =>
  Effect.sync(act).pipe(Effect.catchDefect((cause) => Effect.as(Effect.logError(`Cannot ${what}`, cause), undefined)))

import { runReasons } from "../../domain/RunReason.ts"
import { Deferred, Effect, Fiber } from "effect"
import type { CronAction } from "../../domain/Cron.ts"
import { adoptProcess } from "../../platform/AdoptedProcess.ts"
import { namesIn } from "../../platform/LogFile.ts"
import { openOutput, type OutputPipe } from "../../platform/OutputPipe.ts"
import { join } from "../../platform/Paths.ts"
import { currentBootId, processRow } from "../../platform/ProcessTable.ts"
import type { ProcessTree } from "../../platform/ProcessTree.ts"
import { spawnProgram } from "../../platform/Program.ts"
import type { Exit } from "../../platform/StartProcess.ts"
import { Pipes } from "../Pipes.ts"
import { type AdoptedRun, type RunningAction, type RunOutcome, StartFailed } from "./RunningAction.ts"
import { RunOutput } from "./RunOutput.ts"

type CommandAction = Extract<CronAction, { readonly kind: "command" }>

/** A run that is asked to end has so long before it is killed. */
const stopMs = 10_000
/** What the kernel has not let go by then, it keeps. */
const killMs = 5_000
const lookEveryMs = 200
/** A pipe is read again after so long; what says nothing is asked less and less often. */
const readEveryMs = { least: 2, most: 250 }

const pipeEnd = ".cron.pipe"

/** As when the agent that had started it was killed: it was its parent. */
const unknown: RunOutcome = {
  state: "lost",
  exitCode: null,
  signal: null,
  reason: runReasons.outcomeUnknown,
}

const outcomeOf = ({ code, signal }: Exit): RunOutcome => {
  if (code === null && signal === null) return unknown
  return {
    state: code === 0 ? "ok" : "failed",
    exitCode: code,
    signal,
    reason: code === 0 ? null : signal === null ? `exited with code ${code ?? "?"}` : `killed by ${signal}`,
  }
}

/** Reads all that is there now. false: nobody can write to it any more. */
const readAll = (pipe: OutputPipe, take: (piece: Uint8Array) => void) => {
  for (;;) {
    const piece = pipe.read()
    if (piece === undefined) return { isOpen: true }
    if (piece.length === 0) return { isOpen: false }
    take(piece)
  }
}

/** Runs programs. They and their pipes outlive the agent; the next one goes on reading. */
export const commandRuns = Effect.fnUntraced(function* (entry?: string) {
  const { fifos, folder, make } = yield* Pipes
  const scope = yield* Effect.scope
  const pathOf = (runId: string) => join(folder, `${runId}${pipeEnd}`)
  const open = (path: string) => {
    make(path)
    return openOutput(fifos, path)
  }

  /** Goes on when the run has ended, as what it has left behind would stand still with a full pipe. */
  const pump = Effect.fnUntraced(function* (pipe: OutputPipe, take: (piece: Uint8Array) => void) {
    let waitMs = readEveryMs.least
    for (;;) {
      let came = false
      const { isOpen } = readAll(pipe, (piece) => {
        came = true
        take(piece)
      })
      if (!isOpen) break
      waitMs = came ? readEveryMs.least : Math.min(waitMs * 2, readEveryMs.most)
      yield* Effect.sleep(waitMs)
    }
  })

  const follow = Effect.fnUntraced(function* (pipe: OutputPipe, path: string, output: RunOutput) {
    let isKept = true
    const take = (piece: Uint8Array) => {
      if (isKept) output.push(piece)
    }
    const fiber = yield* pump(pipe, take).pipe(
      Effect.onExit(({ _tag }) =>
        Effect.sync(() => {
          pipe.close(_tag === "Success")
          if (_tag === "Success") fifos.remove(path)
        }),
      ),
      Effect.forkIn(scope),
    )
    return {
      /** Takes what is there now, and no more. */
      finish: Effect.sync(() => {
        if (fiber.pollUnsafe() === undefined) readAll(pipe, take)
        isKept = false
      }),
      drop: Effect.andThen(
        Fiber.interrupt(fiber),
        Effect.sync(() => fifos.remove(path)),
      ),
    }
  })

  const stopTree = (tree: ProcessTree) =>
    Effect.gen(function* () {
      if (!tree.signal("SIGTERM")) return
      yield* Effect.sleep(lookEveryMs).pipe(
        Effect.repeat({ until: () => tree.look().length === 0 }),
        Effect.timeoutOption(stopMs),
      )
      yield* Effect.promise(() => tree.end(killMs))
    })

  const start = Effect.fn("CommandRuns.start")(function* (taskId: string, action: CommandAction, runId: string) {
    const path = pathOf(runId)
    const failed = (cause: unknown) =>
      new StartFailed({ reason: cause instanceof Error ? cause.message : String(cause) })
    const pipe = yield* Effect.try({ try: () => open(path), catch: failed })
    // Before the first look at it: a pipe that nobody writes to has ended.
    const writer = yield* Effect.try({ try: () => pipe.openWriter(), catch: failed })
    const output = new RunOutput()
    const { drop, finish } = yield* follow(pipe, path, output)
    const child = yield* Effect.tryPromise({
      try: () =>
        spawnProgram({
          command: action.command,
          user: action.user,
          env: action.env,
          cwd: action.cwd,
          out: writer.fd,
          err: writer.fd,
          run: markOf(taskId, runId),
          entry,
        }),
      catch: failed,
    }).pipe(
      Effect.ensuring(Effect.sync(() => writer.close())),
      Effect.tapError(() => drop),
      Effect.uninterruptible,
    )
    const ended = Deferred.makeUnsafe<RunOutcome>()
    child.onExit((exit) => Deferred.doneUnsafe(ended, Effect.succeed(outcomeOf(exit))))
    const running: RunningAction = {
      process: { ...child.identity, uid: processRow(child.identity.pid)?.uid },
      output,
      ended: Effect.tap(Deferred.await(ended), () => finish),
      stop: stopTree(child.tree),
    }
    return running
  })

  const adopt = Effect.fn("CommandRuns.adopt")(function* ({ id, output, process, taskId }: AdoptedRun) {
    const path = pathOf(id)
    if (process.bootId !== currentBootId()) {
      fifos.remove(path)
      return undefined
    }
    const ended = Deferred.makeUnsafe<RunOutcome>()
    const child = yield* Effect.promise(() => adoptProcess(process, markOf(taskId, id)))
    child.tree.runsAs(process.uid)
    child.onExit((exit) => Deferred.doneUnsafe(ended, Effect.succeed(outcomeOf(exit))))
    const pipe = yield* Effect.try(() => open(path)).pipe(Effect.option)
    const finish = pipe._tag === "Some" ? (yield* follow(pipe.value, path, output)).finish : Effect.void
    const running: RunningAction = {
      process,
      output,
      ended: Effect.tap(Deferred.await(ended), () => finish),
      stop: stopTree(child.tree),
    }
    return running
  })

  /** Pipes of runs that are over. */
  const sweep = (runs: ReadonlySet<string>) =>
    Effect.sync(() => {
      for (const name of namesIn(folder)) {
        if (name.endsWith(pipeEnd) && !runs.has(name.slice(0, -pipeEnd.length))) fifos.remove(join(folder, name))
      }
    })

  return { start, adopt, sweep }
})

const markOf = (taskId: string, runId: string) => `@cron/${taskId}/${runId}`

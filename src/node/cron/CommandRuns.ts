import { runReasons } from "../../domain/RunReason.ts"
import { Deferred, Effect, Fiber } from "effect"
import type { CronAction } from "../../domain/Cron.ts"
import { adoptProcess } from "../../platform/AdoptedProcess.ts"
import { namesIn, removeFile } from "../../platform/LogFile.ts"
import { openOutput, type OutputPipe } from "../../platform/OutputPipe.ts"
import { join } from "../../platform/Paths.ts"
import { currentBootId, processRow } from "../../platform/ProcessTable.ts"
import type { ProcessTree } from "../../platform/ProcessTree.ts"
import { spawnProgram } from "../../platform/Program.ts"
import type { Exit } from "../../platform/StartProcess.ts"
import { Pipes } from "../Pipes.ts"
import { type AdoptedRun, type RunningAction, type RunOutcome, StartFailed } from "./RunningAction.ts"
import { RunSpool, spooledRun } from "./RunSpool.ts"

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

/** Takes all that is there now. `isOpen`: somebody can still write to it. */
const takeAll = (pipe: OutputPipe, spool: RunSpool | undefined) => {
  for (let came = false; ; came = true) {
    if (spool?.move(pipe.fd) === true) continue
    const piece = pipe.read()
    if (piece === undefined || piece.length === 0) return { came, isOpen: piece === undefined }
    spool?.push(piece)
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
  const pump = Effect.fnUntraced(function* (pipe: OutputPipe, spool: () => RunSpool | undefined) {
    let waitMs = readEveryMs.least
    for (;;) {
      const { came, isOpen } = takeAll(pipe, spool())
      if (!isOpen) break
      waitMs = came ? readEveryMs.least : Math.min(waitMs * 2, readEveryMs.most)
      yield* Effect.sleep(waitMs)
    }
  })

  const follow = Effect.fnUntraced(function* (pipe: OutputPipe, path: string, spool: RunSpool) {
    let isKept = true
    const fiber = yield* pump(pipe, () => (isKept ? spool : undefined)).pipe(
      Effect.onExit(({ _tag }) =>
        Effect.sync(() => {
          pipe.close(_tag === "Success")
          spool.close()
          if (_tag === "Success") fifos.remove(path)
        }),
      ),
      Effect.forkIn(scope),
    )
    return {
      /** Takes what is there now, and no more. */
      finish: Effect.sync(() => {
        if (fiber.pollUnsafe() === undefined) takeAll(pipe, spool)
        isKept = false
        spool.close()
      }),
      drop: Effect.andThen(
        Fiber.interrupt(fiber),
        Effect.sync(() => {
          spool.remove()
          fifos.remove(path)
        }),
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
    const spool = new RunSpool(fifos, folder, runId)
    const { drop, finish } = yield* follow(pipe, path, spool)
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
      output: spool.output,
      ended: Effect.tap(Deferred.await(ended), () => finish),
      stop: stopTree(child.tree),
      written: Effect.sync(() => spool.remove()),
    }
    return running
  })

  const said = (runId: string) => Effect.sync(() => new RunSpool(fifos, folder, runId).output)

  const adopt = Effect.fn("CommandRuns.adopt")(function* ({ id, process, taskId }: AdoptedRun) {
    const path = pathOf(id)
    const spool = new RunSpool(fifos, folder, id)
    if (process.bootId !== currentBootId()) {
      fifos.remove(path)
      return undefined
    }
    const ended = Deferred.makeUnsafe<RunOutcome>()
    const child = yield* Effect.promise(() => adoptProcess(process, markOf(taskId, id)))
    child.tree.runsAs(process.uid)
    child.onExit((exit) => Deferred.doneUnsafe(ended, Effect.succeed(outcomeOf(exit))))
    const pipe = yield* Effect.try(() => open(path)).pipe(Effect.option)
    const finish = pipe._tag === "Some" ? (yield* follow(pipe.value, path, spool)).finish : Effect.void
    const running: RunningAction = {
      process,
      output: spool.output,
      ended: Effect.tap(Deferred.await(ended), () => finish),
      stop: stopTree(child.tree),
      written: Effect.sync(() => spool.remove()),
    }
    return running
  })

  /** Pipes and output of runs that are over. */
  const sweep = (runs: ReadonlySet<string>) =>
    Effect.sync(() => {
      for (const name of namesIn(folder)) {
        const run = name.endsWith(pipeEnd) ? name.slice(0, -pipeEnd.length) : spooledRun(name)
        if (run !== undefined && !runs.has(run)) removeFile(join(folder, name))
      }
    })

  return { start, adopt, said, sweep }
})

const markOf = (taskId: string, runId: string) => `@cron/${taskId}/${runId}`

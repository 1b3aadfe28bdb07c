import { Deferred, Effect } from "effect"
import { reasonOfEnd } from "../../domain/Crash.ts"
import type { ProcessAssignment, StopSignal } from "../../domain/ProcessSpec.ts"
import type { Child } from "../../platform/ChildProcess.ts"
import type { ProcessRow } from "../../platform/ProcessTable.ts"
import type { Signal } from "../../platform/ProcessTree.ts"
import type { Exit } from "../../platform/StartProcess.ts"
import { clearUp } from "./ClearUp.ts"
import { endTree, signalOf } from "./CommandEnd.ts"
import type { Ended, Known, Launched } from "./Launched.ts"
import { inTheWayOf, type Listen } from "./PortHolders.ts"

/** What is known of an instance: what it was started from, and the mark that it carries. */
export type CommandRun = {
  readonly assignment: ProcessAssignment
  readonly mark: string
  /** Run when it has stopped: its port should be free now. */
  readonly stopped: (name: string, listen: Listen, mark: string) => Effect.Effect<void>
}

/**
 * An instance of a command as the slots see it, around its process, whoever has started that. A shell line is signalled
 * with its whole process group, as the shell would tell nobody of it; a program's own words go to the program alone,
 * which knows best what its children are to hear.
 */
export const launchedCommand = Effect.fnUntraced(function* (child: Child, run: CommandRun, known?: Known) {
  const { assignment, mark, stopped } = run
  const { spec } = assignment
  if (spec.kind === "module") return yield* Effect.die(new Error("a module is run by a worker"))
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const { identity, tree } = child
  const shellLine = "shell" in spec.command ? spec.command.shell.replaceAll("\0", " ").trim() : undefined
  const isShell = shellLine !== undefined
  const ended = Deferred.makeUnsafe<Ended>()
  let hasExited = false
  let wasAsked = known?.isLeaving ?? false
  let isKilled = false
  let asked: ReadonlyArray<ProcessRow> = []

  /** The port is the program's own to listen on: whoever has it now is in its way. */
  const listen = spec.passSocket ? null : assignment.listen

  const settle = Effect.fnUntraced(function* (exit: Exit) {
    const left = yield* clearUp(endTree({ tree, spec, asked, wasAsked: () => wasAsked, isKilled: () => isKilled }))
    const held = listen === null ? undefined : yield* clearUp(inTheWayOf(listen, mark))
    const reason = [reasonOfEnd(exit, known?.wasOver === true), left, held]
      .filter((part) => part !== undefined)
      .join("; ")
    if (listen !== null && wasAsked) yield* stopped(assignment.name, listen, mark)
    const rest = left === undefined ? {} : { left }
    yield* Deferred.succeed(ended, { code: exit.code, signal: exit.signal, reason, ...rest })
  })

  child.onExit((exit) => {
    hasExited = true
    fork(settle(exit))
  })

  const send = (signal: Signal) => (isShell ? tree.signalGroup(signal) : child.signal(signal))

  /**
   * To what the shell has started, as it would end of it itself; what that has started hears of it from there. A shell
   * becomes the last program of its line, if it need not come back from it, and then has another command line.
   */
  const sendBehindShell = (signal: Signal): void => {
    const rows = tree.look()
    const line = rows.find(({ pid }) => pid === identity.pid)?.command
    if (line?.endsWith(` -c ${shellLine}`) !== true) return void child.signal(signal)
    const shells = new Set(rows.filter(({ command }) => command === line).map(({ pid }) => pid))
    const programs = rows.filter(({ parent, pid }) => shells.has(parent) && !shells.has(pid))
    tree.signalEach(programs, signal)
  }

  const terminate = Effect.sync(() => {
    wasAsked = true
    if (isShell) asked = tree.look().filter(({ group }) => group === identity.pid)
    send(signalOf(spec.stopSignal))
  })

  const launched: Launched = {
    pid: identity.pid,
    ready: Effect.sleep(known?.isUp === true ? 0 : spec.startMs).pipe(
      Effect.andThen(Effect.suspend(() => (hasExited ? Effect.never : Effect.void))),
    ),
    exited: Deferred.await(ended),
    terminate,
    retire: terminate,
    signal: (signal: StopSignal) =>
      Effect.sync(() => void (isShell ? sendBehindShell(signalOf(signal)) : child.signal(signalOf(signal)))),
    kill: Effect.sync(() => {
      isKilled = true
      tree.signal("SIGKILL")
    }),
    report: () => undefined,
    heard: () => undefined,
    inFlight: () => [],
  }
  return launched
})

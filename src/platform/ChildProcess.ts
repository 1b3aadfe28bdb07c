import { inheritedEnv } from "./InheritedEnv.ts"
import { checkFolder } from "./FindProgram.ts"
import { type ProcessIdentity, runVariable } from "./ProcessTable.ts"
import { identityOf, ProcessTree, type Signal, signalProcess } from "./ProcessTree.ts"
import { selfCommand } from "./SelfCommand.ts"
import { onStopAtOnce } from "./Signals.ts"
import { type Exit, type Started, startProcess } from "./StartProcess.ts"

export interface Child {
  readonly identity: ProcessIdentity
  /** It and all that it has started; also after its own end, when some of that still runs. */
  readonly tree: ProcessTree
  /** Called once, also when the child has ended before. */
  onExit(listener: (exit: Exit) => void): void
  /** To the child alone. false: it is gone. */
  signal(signal: Signal): boolean
}

export type SpawnOptions = {
  /** Added to what is left of our own environment; replaces what has the same name. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** Descriptors of ours for its stdout and stderr; ours stay open. */
  readonly out: number
  readonly err: number
  /** The child has them as descriptors 3, 4, …; ours stay open. */
  readonly fds: ReadonlyArray<number>
  /** Its mark, which all that it starts inherits. */
  readonly run?: string
  /** A main.ts to run instead of ours, from source only. */
  readonly entry?: string
}

/**
 * Starts this program once more, in a session and process group of its own, so that it outlives us and is stopped as a
 * whole. Throws with the reason when it can't be started.
 */
export const spawnSelf = (args: ReadonlyArray<string>, o: SpawnOptions): Child => {
  checkFolder(o.cwd, "the folder")
  const { args: words, file } = selfCommand(args, o.entry)
  const started = startProcess({
    file,
    // What `ps` shows: /proc/self/exe would tell nobody anything.
    argv: [file === "/proc/self/exe" ? process.execPath : file, ...words],
    cwd: o.cwd,
    env: { ...inheritedEnv(), ...o.env, ...(o.run === undefined ? {} : { [runVariable]: o.run }) },
    fds: [o.out, o.err, ...o.fds],
  })
  return watch(started, o.run === undefined ? {} : { run: o.run })
}

/** Processes of ours that run. They outlive our death, but not a person who asked twice for the end. */
const running = new Set<ProcessTree>()
onStopAtOnce(() => {
  for (const tree of running) tree.signal("SIGKILL")
})

/** Whether a child of that number was started here, and the runtime has yet to tell how it ended. */
export const isOwnChild = (pid: number): boolean => running.values().some(({ root }) => root.pid === pid)

/** Those whose end the runtime has yet to tell. */
const awaited = new Map<number, (exit: Exit) => void>()

/** The runtime has missed how a child ended. */
export const tellEnd = (pid: number, exit: Exit): void => awaited.get(pid)?.(exit)

/** Whether the runtime is to tell how a child ends. */
export const isAwaited = (pid: number): boolean => awaited.has(pid)

/** A process that was just started. `mark`: of its tree. */
export const watch = (started: Started, mark: ConstructorParameters<typeof ProcessTree>[1]): Child => {
  const { pid } = started
  // Nobody but us can have reaped it, so it is there.
  const tree = new ProcessTree(identityOf(pid) ?? { pid, startTime: "", bootId: "" }, mark)
  let ended: Exit | undefined
  const listeners: Array<(exit: Exit) => void> = []
  const end = (exit: Exit) => {
    if (ended !== undefined) return
    ended = exit
    running.delete(tree)
    awaited.delete(pid)
    for (const listener of listeners) listener(exit)
  }
  running.add(tree)
  awaited.set(pid, end)
  started.onExit(end)
  return {
    identity: tree.root,
    tree,
    onExit: (listener) => {
      if (ended === undefined) listeners.push(listener)
      else listener(ended)
    },
    signal: (signal) => ended === undefined && signalProcess(tree.root, signal),
  }
}

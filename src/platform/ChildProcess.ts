import { spawn } from "node:child_process"
import { statSync } from "node:fs"
import { currentBootId, type ProcessIdentity, processRow, ProcessTable } from "./ProcessTable.ts"
import { selfCommand } from "./SelfCommand.ts"
import { onStopAtOnce } from "./Signals.ts"

export type Exit = { readonly code: number | null; readonly signal: string | null }

export type Signal = "SIGTERM" | "SIGUSR2" | "SIGKILL" | "SIGINT" | "SIGHUP"

export interface Child {
  readonly identity: ProcessIdentity
  /** Called once, also when the child has ended before. */
  onExit(listener: (exit: Exit) => void): void
  /** To the child alone. false: it is gone. */
  signal(signal: Signal): boolean
  /** To the child and all it has started; also after its own end, when some of those still run. */
  signalGroup(signal: Signal): boolean
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
  /** A main.ts to run instead of ours, from source only. */
  readonly entry?: string
}

/** The identity of a process that runs now; undefined when none has this pid. */
export const identityOf = (pid: number): ProcessIdentity | undefined => processRow(pid)?.identity

/** Whether that very process still runs; one that ended and was not yet reaped does not. */
export const isAlive = (identity: ProcessIdentity): boolean => {
  const row = processRow(identity.pid)
  return row !== undefined && !row.hasEnded && row.is(identity)
}

const send = (pid: number, signal: Signal): boolean => {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}

/** Signals a process only when it is the one that is meant. */
export const signalProcess = (identity: ProcessIdentity, signal: Signal): boolean =>
  isAlive(identity) && send(identity.pid, signal)

/**
 * Signals a process group by its leader's identity. The kernel keeps a group's number for it while it has members, so
 * a group without its leader is still ours unless somebody else has the leader's pid now.
 */
export const signalGroup = (leader: ProcessIdentity, signal: Signal): boolean => {
  if (leader.bootId !== currentBootId()) return false
  const row = processRow(leader.pid)
  if (row !== undefined && !row.is(leader)) return false
  const members = ProcessTable.read().inGroup(leader.pid)
  return members.some(({ hasEnded }) => !hasEnded) && send(-leader.pid, signal)
}

const dropped =
  /^(?:MUSTER_|BUN_|NODE_|LISTEN_(?:PID|FDS|FDNAMES|PIDFDID)$|NOTIFY_SOCKET$|WATCHDOG_(?:USEC|PID)$|INVOCATION_ID$|JOURNAL_STREAM$|SYSTEMD_EXEC_PID$)/

/** Our environment without what is meant for us alone (tokens, runtime options, what systemd says to its unit), for a program that isn't ours. */
const inheritedEnv = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !dropped.test(entry[0]),
    ),
  )

const checkFolder = (cwd: string) => {
  // A missing folder would be reported as a missing command.
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`the folder ${cwd} does not exist`)
}

/**
 * Starts this program once more, in a session and process group of its own, so that it outlives us and is stopped as a
 * whole. Throws with the reason when it can't be started.
 */
export const spawnSelf = (args: ReadonlyArray<string>, o: SpawnOptions): Child => {
  checkFolder(o.cwd)
  const command = selfCommand(args, o.entry)
  const child = spawn(command.file, command.args, {
    // What `ps` shows: /proc/self/exe would tell nobody anything.
    ...(command.file === "/proc/self/exe" ? { argv0: process.execPath } : {}),
    cwd: o.cwd,
    env: { ...inheritedEnv(), ...o.env },
    detached: true,
    stdio: ["ignore", o.out, o.err, ...o.fds],
  })
  return watch(child)
}

/** Processes of ours that run. They outlive our death, but not a person who asked twice for the end. */
const running = new Set<ProcessIdentity>()
onStopAtOnce(() => {
  for (const identity of running) signalGroup(identity, "SIGKILL")
})

/** Whether a child of that number was started here, and the runtime has yet to tell how it ended. */
export const isOwnChild = (pid: number): boolean => running.values().some((identity) => identity.pid === pid)

const watch = (child: ReturnType<typeof spawn>): Child => {
  let ended: Exit | undefined
  const listeners: Array<(exit: Exit) => void> = []
  const end = (exit: Exit) => {
    if (ended !== undefined) return
    ended = exit
    for (const listener of listeners) listener(exit)
  }
  child.on("error", () => end({ code: 127, signal: null }))
  child.on("exit", (code, signal) => end({ code, signal }))
  if (child.pid === undefined) throw new Error(`${child.spawnfile} can't be started`)
  const identity = identityOf(child.pid) ?? { pid: child.pid, startTime: "", bootId: currentBootId() }
  running.add(identity)
  child.on("exit", () => running.delete(identity))
  return {
    identity,
    onExit: (listener) => {
      if (ended === undefined) listeners.push(listener)
      else listener(ended)
    },
    signal: (signal) => ended === undefined && signalProcess(identity, signal),
    signalGroup: (signal) => signalGroup(identity, signal),
  }
}

import { spawn } from "node:child_process"
import { handFds, inheriting } from "./HandedFds.ts"
import { processRow } from "./ProcessTable.ts"

/** `signal`: a name, `SIGRTMIN+1` among them. Both null: nobody knows. */
export type Exit = { readonly code: number | null; readonly signal: string | null }

export type StartOptions = {
  readonly file: string
  /** With its name for itself first. */
  readonly argv: ReadonlyArray<string>
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** What it reads from its stdin; left out: nothing. */
  readonly input?: string
  /** Descriptors of ours for its 1, 2, 3, …; ours stay open. A program with others than 1 and 2 calls `takeFds` first. */
  readonly fds: readonly [out: number, err: number, ...others: ReadonlyArray<number>]
  /** Descriptors of ours that it is to have open, under whatever numbers. */
  readonly held?: ReadonlyArray<number>
}

export type Started = {
  readonly pid: number
  /** To be called once, at once. */
  readonly onExit: (listener: (exit: Exit) => void) => void
}

const firstRealTime = 34

/** The runtimes have no names for those. */
const realTimeName = (number: number) => (number === firstRealTime ? "SIGRTMIN" : `SIGRTMIN+${number - firstRealTime}`)

/** `node:child_process` of Bun says of a child that a real-time signal has killed that it ended well. */
const startOnBun = (o: StartOptions): Started => {
  let ended: Exit | undefined
  let listener: ((exit: Exit) => void) | undefined
  const [out, err, ...others] = o.fds
  const child: { readonly pid: number } = Bun.spawn({
    cmd: [o.file, ...o.argv.slice(1)],
    ...(o.argv[0] === undefined ? {} : { argv0: o.argv[0] }),
    cwd: o.cwd,
    env: o.env,
    detached: true,
    stdio: [o.input === undefined ? "ignore" : new Blob([o.input]), out, err, ...others, ...(o.held ?? [])],
    onExit: (_, code, signal: string | number | null) => {
      children.delete(child)
      ended = { code, signal: typeof signal === "number" ? realTimeName(signal) : signal }
      listener?.(ended)
    },
  })
  children.add(child)
  return {
    pid: child.pid,
    onExit: (given) => {
      if (ended === undefined) listener = given
      else given(ended)
    },
  }
}

/** Held, so that their ends are told. */
const children = new Set<unknown>()

/** Of Deno's: what to tell when one of them is gone. */
const unheard = new Map<number, (exit: Exit) => void>()
let isGuarded = false

/** Deno rejects, where nobody can catch it, when a real-time signal has killed a child; its end is never told. */
const guard = () => {
  if (isGuarded || !("Deno" in globalThis)) return
  isGuarded = true
  globalThis.addEventListener("unhandledrejection", (event) => {
    const { reason } = event as Event & { readonly reason?: unknown }
    const number = /^Invalid signal: (\d+)$/.exec(reason instanceof Error ? reason.message : "")?.[1]
    if (number === undefined) return
    event.preventDefault()
    for (const [pid, end] of unheard) {
      if (processRow(pid) === undefined) end({ code: null, signal: realTimeName(Number(number)) })
    }
  })
}

const startOnOthers = (o: StartOptions): Started => {
  guard()
  const [out, err, ...others] = o.fds
  const child = inheriting(o.held ?? [], () =>
    handFds(others, ({ env, fds }) =>
      spawn(o.file, o.argv.slice(1), {
        ...(o.argv[0] === undefined ? {} : { argv0: o.argv[0] }),
        cwd: o.cwd,
        env: { ...o.env, ...env },
        detached: true,
        stdio: [o.input === undefined ? "ignore" : "pipe", out, err, ...fds],
      }),
    ),
  )
  let failure: Error | undefined
  child.on("error", (error) => (failure = error))
  const { pid } = child
  if (pid === undefined) throw failure ?? new Error(`${o.file} can't be started`)
  child.stdin?.on("error", () => undefined)
  child.stdin?.end(o.input)
  let ended: Exit | undefined
  let listener: ((exit: Exit) => void) | undefined
  const end = (exit: Exit) => {
    unheard.delete(pid)
    ended = exit
    listener?.(exit)
  }
  unheard.set(pid, end)
  child.on("exit", (code, signal) => end({ code, signal }))
  return {
    pid,
    onExit: (given) => {
      if (ended === undefined) listener = given
      else given(ended)
    },
  }
}

/** Starts a program in a session and process group of its own. Throws when it can't be started. */
export const startProcess = (o: StartOptions): Started => ("Bun" in globalThis ? startOnBun(o) : startOnOthers(o))

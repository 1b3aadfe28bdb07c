import { execFile } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import process from "node:process"
import { cString, type Libc, libc } from "./Libc.ts"
import { selfCommand } from "./SelfCommand.ts"

const F_GETFD = 1
const F_SETFD = 2
const FD_CLOEXEC = 1
const SIG_IGN = 1n
/** Sent in the moment in which the new program does not listen to them yet, they would end it. */
const ignoredSignals = [1, 3, 10, 12]
const CLOCK_MONOTONIC = 1
/** It only waits, and on a host that is busy with other things a program takes long to start. */
const checkMs = 60_000

/** The environment variable by which a program hears what the one before it in the same process has left to it. */
const variable = "MUSTER_HANDED_ON"

type HandedOn = { readonly fds: ReadonlyArray<number>; readonly state: unknown }

const parsed = (text: string): HandedOn | undefined => {
  try {
    const { fds, state } = JSON.parse(text) as HandedOn
    return { fds: fds.filter((fd) => Number.isInteger(fd)), state }
  } catch {
    return undefined
  }
}

/**
 * What the program before this one, in the same process, has said of what it left open; undefined: there was none. What
 * is started from here on does not get those descriptors. To be called once, before anything is started.
 */
export const takeHandedOn = async (): Promise<unknown> => {
  const text = process.env[variable]
  delete process.env[variable]
  const handedOn = text === undefined ? undefined : parsed(text)
  if (handedOn === undefined) return undefined
  const c = await libc()
  for (const fd of handedOn.fds) c.fcntl(fd, F_SETFD, FD_CLOEXEC)
  return handedOn.state
}

// Asked for now: once another file lies there, the kernel calls this one deleted.
const ownPath = process.execPath.replace(/ \(deleted\)$/, "")

/** The program that a restart would run: the executable that lies at our path now; from source, the same runtime on main.ts. */
const successor = () => {
  const { args, file } = selfCommand([])
  return { args, file: file === "/proc/self/exe" ? ownPath : file }
}

/** What a program says that is run with `version`. Rejects with the reason when it does not run, or takes longer. */
export const versionOf = (file: string, args: ReadonlyArray<string>, withinMs: number): Promise<string> =>
  new Promise((resolve, reject) => {
    // A kinder signal is one that it may take for a good end, with nothing said.
    const options = { timeout: withinMs, killSignal: "SIGKILL" } as const
    const child = execFile(file, [...args, "version"], options, (error, stdout, stderr) => {
      const text = stdout.trim()
      if (error === null && text !== "") return resolve(text.split("\n")[0] ?? text)
      const late = child.killed ? `it did not say its version within ${withinMs / 1_000} s` : undefined
      const why = late ?? (stderr.trim() || (error?.message ?? "it says no version"))
      reject(new Error(`${file} does not run: ${why}`))
    })
  })

/** The version of the program that would take over. Rejects with the reason when it does not run. */
export const successorVersion = (): Promise<string> => {
  const { args, file } = successor()
  return versionOf(file, args, checkMs)
}

const words = (path: string): ReadonlyArray<string> =>
  readFileSync(path, "utf8")
    .split("\0")
    .filter((word, at, all) => word !== "" || at < all.length - 1)

/** For C: an array of texts, with a null at its end. What it points at has to stay alive. */
const textArray = (c: Libc, texts: ReadonlyArray<string>) => {
  const kept = texts.map(cString)
  const bytes = new Uint8Array((texts.length + 1) * 8)
  const view = new DataView(bytes.buffer)
  for (const [at, text] of kept.entries()) view.setBigUint64(at * 8, c.addressOf(text), true)
  return { bytes, kept }
}

/** Everything that is open is closed by the kernel then, but what is to be kept. */
const keepOnly = (c: Libc, kept: ReadonlySet<number>) => {
  for (const name of readdirSync("/proc/self/fd")) {
    const fd = Number(name)
    if (fd <= 2) continue
    const flags = c.fcntl(fd, F_GETFD, 0)
    if (flags >= 0) c.fcntl(fd, F_SETFD, kept.has(fd) ? flags & ~FD_CLOEXEC : flags | FD_CLOEXEC)
  }
}

/**
 * Runs the executable that lies at our path now in place of this program: the same process with the same children,
 * arguments and environment. `handedOn`: what `takeHandedOn` gives there, and which descriptors stay open for it. When
 * the new one can't be run it is this one once more. Returns only when that fails too, with the reason.
 */
export const becomeSuccessor = async (handedOn: HandedOn): Promise<string> => {
  const c = await libc()
  const args = textArray(c, words("/proc/self/cmdline"))
  const inherited = words("/proc/self/environ").filter((entry) => !entry.startsWith(`${variable}=`))
  const env = textArray(c, [...inherited, `${variable}=${JSON.stringify(handedOn)}`])
  for (const signal of ignoredSignals) c.signal(signal, SIG_IGN)
  keepOnly(c, new Set(handedOn.fds))
  for (const file of [successor().file, "/proc/self/exe"]) c.execve(cString(file), args.bytes, env.bytes)
  const errno = c.errno()
  // Alive until here, whatever the collector thinks.
  return `no program could take over (errno ${errno}, ${args.kept.length} arguments, ${env.kept.length} variables)`
}

/** Microseconds of the kernel's clock that nobody sets, as systemd wants them. */
export const kernelMicroseconds = async (): Promise<bigint> => {
  const time = new Uint8Array(16)
  const c = await libc()
  c.clock_gettime(CLOCK_MONOTONIC, time)
  const view = new DataView(time.buffer)
  return view.getBigInt64(0, true) * 1_000_000n + view.getBigInt64(8, true) / 1_000n
}

import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import process from "node:process"
import { checkFolder, defaultPath, findProgram, whyNot } from "./FindProgram.ts"
import { takeFds } from "./HandedFds.ts"
import { cString, libcWith } from "./Libc.ts"
import { idOf, loginVariables, type User, type UserDatabase, userDatabase } from "./UserDatabase.ts"

/** What has to be done in a new process before it becomes the program. */
export type ExecSettings = {
  readonly argv: ReadonlyArray<string>
  /** What it inherits; what its user makes of HOME and such goes before that, and `env` before all. */
  readonly inherited: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  /** Left out: the user's home, or the root folder. */
  readonly cwd?: string
  /** Names or numbers; empty: as we are. */
  readonly user: string
  readonly group: string
  readonly umask?: number
  readonly nice?: number
  readonly rlimits: Readonly<Record<string, number | "unlimited">>
  /** Names of the sockets that it has from descriptor 3 on. */
  readonly sockets: ReadonlyArray<string>
  /** The folder of the control group to enter. */
  readonly cgroup?: string
}

/** Said when all but the last step is done: the program then runs, unless more is said. */
export const preparedMark = "\u0001"

const signatures = {
  chdir: ["buffer"],
  dup2: ["i32", "i32"],
  execve: ["buffer", "buffer", "buffer"],
  fcntl: ["i32", "i32", "i32"],
  getegid: [],
  geteuid: [],
  getgid: [],
  getgroups: ["i32", "buffer"],
  getuid: [],
  open: ["buffer", "i32"],
  setgroups: ["usize", "buffer"],
  setpriority: ["i32", "u32", "i32"],
  setresgid: ["u32", "u32", "u32"],
  setresuid: ["u32", "u32", "u32"],
  setrlimit: ["i32", "buffer"],
  sigprocmask: ["i32", "buffer", "u64"],
  signal: ["i32", "u64"],
  umask: ["u32"],
  write: ["i32", "buffer", "usize"],
} as const
type C = Awaited<ReturnType<typeof libcWith<typeof signatures>>>

const firstSocket = 3
const F_SETFD = 2
const FD_CLOEXEC = 1
const SIG_SETMASK = 2
const SIG_DFL = 0n
const infinity = 0xffff_ffff_ffff_ffffn

const rlimitNumbers: Readonly<Record<string, number>> = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
}

const errnoNames = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))
const reasonOf = (errno: number) => whyNot[errnoNames.get(errno) ?? ""] ?? `failed (errno ${errno})`

/** Whom to become. */
type Target = {
  readonly uid: number
  readonly gid: number
  readonly groups: ReadonlyArray<number>
  readonly home: string
  readonly env: Readonly<Record<string, string>>
}

const nobodyKnown = (name: string): User | undefined => {
  const uid = idOf(name)
  return uid === undefined ? undefined : { name, uid, gid: Number.NaN, home: "/", shell: "/bin/sh" }
}

/** undefined: as we are. Throws when a name means nobody. */
const targetOf = (c: C, users: UserDatabase, settings: ExecSettings): Target | undefined => {
  const { group, user } = settings
  if (user === "" && group === "") return undefined
  const name = user === "" ? `${c.geteuid() >>> 0}` : user
  const entry = users.user(name)
  const found = entry ?? nobodyKnown(name)
  if (found === undefined) throw new Error(`user ${name}: this host has no such user`)
  const gid = group === "" ? found.gid : users.group(group)
  if (gid === undefined) throw new Error(`group ${group}: this host has no such group`)
  if (!Number.isInteger(gid)) {
    throw new Error(`user ${name}: this host has no user of that number, so its group must be given too`)
  }
  return {
    uid: found.uid,
    gid,
    groups: entry === undefined ? [gid] : [...new Set([gid, ...users.groupsOf({ ...entry, gid })])],
    home: found.home,
    env: user === "" ? {} : loginVariables(found),
  }
}

const must = (c: C, result: number, what: string) => {
  if (result !== 0) throw new Error(`${what} ${reasonOf(c.errno())}`)
}

const bytesOf = (numbers: Uint32Array) => new Uint8Array(numbers.buffer)

const groupsNow = (c: C): ReadonlySet<number> => {
  const groups = new Uint32Array(Math.max(1, c.getgroups(0, new Uint8Array(4))))
  return new Set(groups.subarray(0, c.getgroups(groups.length, bytesOf(groups))))
}

/** Becomes the user, and makes sure of it: a program must never run with more rights than it was given. */
const become = (c: C, { group, user }: ExecSettings, { gid, groups, uid }: Target): void => {
  const name = user === "" ? `group ${group}` : `user ${user}`
  const own = c.geteuid() >>> 0
  if (own !== 0 && own !== uid) {
    throw new Error(`${name}: only root may run a program as another user, and the agent runs as user ${own}`)
  }
  if (own === 0) must(c, c.setgroups(groups.length, bytesOf(new Uint32Array(groups))), `${name}: to take its groups`)
  must(c, c.setresgid(gid, gid, gid), `${name}: to take the group ${gid}`)
  must(c, c.setresuid(uid, uid, uid), `${name}: to become user ${uid}`)
  const now = groupsNow(c)
  const isSo =
    [c.getuid(), c.geteuid()].every((id) => id >>> 0 === uid) &&
    [c.getgid(), c.getegid()].every((id) => id >>> 0 === gid) &&
    (own !== 0 || (now.size === groups.length && groups.every((id) => now.has(id))))
  if (!isSo) throw new Error(`${name}: this process could not become it`)
}

const limit = (c: C, name: string, value: number | "unlimited"): void => {
  const number = rlimitNumbers[name]
  if (number === undefined) throw new Error(`rlimits.${name}: there is no such limit`)
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  const amount = value === "unlimited" ? infinity : BigInt(value)
  view.setBigUint64(0, amount, true)
  view.setBigUint64(8, amount, true)
  must(c, c.setrlimit(number, bytes), `rlimits.${name} ${value}:`)
}

/** Only descriptors below `first` reach the program. */
const closeOnExec = (c: C, first: number): void => {
  for (const name of readdirSync("/proc/self/fd")) if (Number(name) >= first) c.fcntl(Number(name), F_SETFD, FD_CLOEXEC)
}

/** What the runtime ignores would be ignored by the program too; what it handles is the kernel's to put back. */
const resetSignals = (c: C): void => {
  const mask = BigInt(`0x${/^SigIgn:\s+(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0"}`)
  for (let signal = 1; signal <= 64; signal++) if (((mask >> BigInt(signal - 1)) & 1n) === 1n) c.signal(signal, SIG_DFL)
  c.sigprocmask(SIG_SETMASK, new Uint8Array(128), 0n)
}

const enter = (c: C, { cwd }: ExecSettings, home: string): string => {
  const tryTo = (path: string) => {
    checkFolder(path)
    must(c, c.chdir(cString(path)), `cwd ${path}`)
    return path
  }
  if (cwd !== undefined) return tryTo(cwd)
  try {
    return tryTo(home)
  } catch {
    // Many users that programs run as have none.
    return tryTo("/")
  }
}

/** Strings as C has them: pointers, and a 0 at the end. `kept`: what must stay in memory. */
const strings = (c: C, values: ReadonlyArray<string>, kept: Array<Uint8Array>): Uint8Array => {
  const pointers = new BigUint64Array(values.length + 1)
  for (const [at, value] of values.entries()) {
    const bytes = cString(value)
    kept.push(bytes)
    pointers[at] = c.addressOf(bytes)
  }
  return new Uint8Array(pointers.buffer)
}

/** Before it can start anything that would be outside. What it can't do the agent tries again, and tells why not. */
const enterGroup = ({ cgroup }: ExecSettings): void => {
  if (cgroup === undefined) return
  try {
    writeFileSync(`${cgroup}/cgroup.procs`, "0")
  } catch {
    return
  }
}

const socketVariables = ({ sockets }: ExecSettings): Readonly<Record<string, string>> =>
  sockets.length === 0
    ? {}
    : { LISTEN_PID: `${process.pid}`, LISTEN_FDS: `${sockets.length}`, LISTEN_FDNAMES: sockets.join(":") }

const statusOf = ({ sockets }: ExecSettings) => firstSocket + sockets.length

/** By libc: Deno writes to what the descriptor was when it started. */
const tell = (c: C, settings: ExecSettings, text: string): void => {
  const bytes = new TextEncoder().encode(text)
  c.write(statusOf(settings), bytes, bytes.length)
}

/** Returns only by throwing the reason. */
const execute = async (settings: ExecSettings): Promise<never> => {
  const { argv, inherited, nice, rlimits, umask } = settings
  const c = await libcWith(signatures)
  const target = targetOf(c, await userDatabase(), settings)
  const env = { ...inherited, ...target?.env, ...settings.env, ...socketVariables(settings) }
  enterGroup(settings)
  if (nice !== undefined) must(c, c.setpriority(0, 0, nice), `nice ${nice}:`)
  const nothing = c.open(cString("/dev/null"), 2)
  c.dup2(nothing, 0)
  closeOnExec(c, statusOf(settings))
  for (const [name, value] of Object.entries(rlimits)) limit(c, name, value)
  if (target !== undefined) become(c, settings, target)
  if (umask !== undefined) c.umask(umask)
  const cwd = enter(c, settings, target?.home ?? "/")
  const file = findProgram(argv[0] ?? "", { cwd, path: env["PATH"] ?? defaultPath })
  const kept: Array<Uint8Array> = []
  const words = strings(c, argv, kept)
  const variables = strings(
    c,
    Object.entries(env).map(([name, value]) => `${name}=${value}`),
    kept,
  )
  resetSignals(c)
  tell(c, settings, preparedMark)
  c.execve(cString(file), words, variables)
  const reason = reasonOf(c.errno())
  throw new Error(`command ${file} ${reason}`, { cause: kept })
}

/**
 * The role in which this program starts another one: makes the process what the program has to run as, and becomes the
 * program. The process, its number and its time of start stay. Its stdin says what to do; the descriptor behind the
 * sockets takes the reason when it can't be done.
 */
export const runExec = async (): Promise<void> => {
  await takeFds()
  const settings = JSON.parse(readFileSync(0, "utf8")) as ExecSettings
  try {
    await execute(settings)
  } catch (error) {
    tell(await libcWith(signatures), settings, error instanceof Error ? error.message : String(error))
    process.exit(127)
  }
}

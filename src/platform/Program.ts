import { Result } from "effect"
import { readFileSync, statSync } from "node:fs"
import process from "node:process"
import type { CommandLine } from "../domain/CommandLine.ts"
import { parseEnvFile } from "../domain/EnvFile.ts"
import { type Child, watch } from "./ChildProcess.ts"
import { type ExecSettings, preparedMark } from "./ExecRole.ts"
import { checkFolder, defaultPath, findProgram, whyNot } from "./FindProgram.ts"
import { inheritedEnv } from "./InheritedEnv.ts"
import { type Libc, libc } from "./Libc.ts"
import { processRow, runVariable } from "./ProcessTable.ts"
import { selfCommand } from "./SelfCommand.ts"
import { type Started, startProcess } from "./StartProcess.ts"

import { loginVariables, userDatabase } from "./UserDatabase.ts"

/** How a program is started. What is left out is as with us. */
export type ProgramOptions = {
  readonly command: CommandLine
  /** Added to what is left of our own environment, and to what `envFile` says; replaces what has the same name. */
  readonly env: Readonly<Record<string, string>>
  /** A file of NAME=value lines. */
  readonly envFile?: string | undefined
  /** Left out: the home of `user`, or the root folder. */
  readonly cwd?: string | undefined
  /** Names or numbers. With a user come its groups, HOME, USER, LOGNAME and SHELL. */
  readonly user?: string | undefined
  readonly group?: string | undefined
  /** Octal digits. */
  readonly umask?: string | undefined
  readonly nice?: number | undefined
  /** Soft and hard, by the names of `setrlimit`. */
  readonly rlimits?: Readonly<Record<string, number | "unlimited">> | undefined
  /** Descriptors of ours for its stdout and stderr; ours stay open. */
  readonly out: number
  readonly err: number
  /** Listening sockets of ours that it has from descriptor 3 on, and by LISTEN_FDS; ours stay open. */
  readonly sockets?: ReadonlyArray<{ readonly fd: number; readonly name: string }>
  /** Its mark, which all that it starts inherits. */
  readonly run?: string
  /** The folder of the control group that it is in from its first instruction on. */
  readonly cgroup?: string | undefined
  /** A main.ts to run instead of ours, from source only. */
  readonly entry?: string | undefined
}

const O_CLOEXEC = 0o2000000
const O_NONBLOCK = 0o4000
const F_SETFL = 4
const F_DUPFD_CLOEXEC = 1030
/** A spawn maps descriptors to low numbers: ours must not be among them. */
const firstFd = 64
const envFileBytesMax = 1024 * 1024
/** Users may have to be asked for over a network. */
const prepareMs = 30_000
const pauseMs = 4

/**
 * Starts any program, in a session and process group of its own. Resolves when it runs; rejects with one sentence that
 * names what can't be had, and then nothing runs. With a `user` it never runs as anybody else.
 */
export const spawnProgram = async (o: ProgramOptions): Promise<Child> => {
  checkText(o)
  const env = { ...(o.envFile === undefined ? {} : readEnvFile(o.envFile)), ...o.env, ...markOf(o) }
  return await (needsPreparing(o) ? startPrepared(o, env) : startDirectly(o, env))
}

const checkText = (o: ProgramOptions): void => {
  const nul = "has a NUL character"
  if (argvOf(o).some((word) => word.includes("\0"))) throw new Error(`command ${nul}`)
  const name = Object.keys(o.env).find((key) => o.env[key]?.includes("\0"))
  if (name !== undefined) throw new Error(`env.${name} ${nul}`)
}

const markOf = ({ run }: ProgramOptions) => (run === undefined ? {} : { [runVariable]: run })

const argvOf = ({ command }: ProgramOptions): readonly [string, ...ReadonlyArray<string>] =>
  "shell" in command ? ["/bin/sh", "-c", command.shell] : command.argv

const given = (text: string | undefined) => text !== undefined && text !== ""

const needsPreparing = ({ cgroup, group, nice = 0, rlimits = {}, sockets = [], umask, user }: ProgramOptions) =>
  given(user) ||
  given(group) ||
  given(umask) ||
  nice !== 0 ||
  Object.keys(rlimits).length > 0 ||
  sockets.length > 0 ||
  given(cgroup)

const readEnvFile = (path: string): Readonly<Record<string, string>> => {
  const parsed = parseEnvFile(readSmall(path))
  if (Result.isSuccess(parsed)) return parsed.success
  throw new Error(`envFile ${path}: line ${parsed.failure.line} ${parsed.failure.reason}`)
}

const readSmall = (path: string): string => {
  try {
    const { size } = statSync(path)
    if (size > envFileBytesMax)
      throw new Error(`envFile ${path} has ${size} bytes, at most ${envFileBytesMax} are read`)
    return readFileSync(path, "utf8")
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : undefined
    if (code === undefined) throw error
    throw new Error(`envFile ${path} ${whyNot[code] ?? `can't be read (${code})`}`, { cause: error })
  }
}

let own: Promise<Readonly<Record<string, string>>> | undefined

/** What a login would have given us, as a unit of systemd may have none of these. */
const ownVariables = () =>
  (own ??= userDatabase().then((users) => {
    const user = users.user(`${process.geteuid?.() ?? 0}`)
    return user === undefined ? {} : loginVariables(user)
  }))

const inherited = async () => ({ ...(await ownVariables()), ...inheritedEnv() })

const startDirectly = async (o: ProgramOptions, own: Readonly<Record<string, string>>): Promise<Child> => {
  const { cwd = "/", err, out } = o
  const argv = argvOf(o)
  const env = { ...(await inherited()), ...own }
  checkFolder(cwd)
  const file = findProgram(argv[0], { cwd, path: env["PATH"] ?? defaultPath })
  return watch(
    start(() => startProcess({ file, argv, cwd, env, fds: [out, err] }), file),
    treeMark(o),
  )
}

const treeMark = ({ run }: ProgramOptions) => (run === undefined ? {} : { run })

const start = (begin: () => Started, file: string): Started => {
  try {
    return begin()
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : undefined
    const reason = code === undefined ? undefined : (whyNot[code] ?? `can't be started (${code})`)
    throw new Error(`command ${file} ${reason ?? String(error)}`, { cause: error })
  }
}

const settingsOf = async (o: ProgramOptions, env: Readonly<Record<string, string>>): Promise<ExecSettings> => ({
  argv: argvOf(o),
  inherited: await inherited(),
  env,
  ...(o.cwd === undefined ? {} : { cwd: o.cwd }),
  user: o.user ?? "",
  group: o.group ?? "",
  ...(given(o.umask) ? { umask: Number.parseInt(o.umask ?? "", 8) } : {}),
  ...(o.nice === undefined || o.nice === 0 ? {} : { nice: o.nice }),
  rlimits: o.rlimits ?? {},
  sockets: (o.sockets ?? []).map(({ name }) => name),
  ...(o.cgroup === undefined ? {} : { cgroup: o.cgroup }),
})

/** What can only be done in the new process is done there by ourselves, in the role `exec`, which then becomes the program. */
const startPrepared = async (o: ProgramOptions, env: Readonly<Record<string, string>>): Promise<Child> => {
  const { args, file } = selfCommand(["--role=exec"], o.entry)
  const settings = JSON.stringify(await settingsOf(o, env))
  const status = await openPipe()
  const begin = () =>
    startProcess({
      file,
      argv: [file, ...args],
      cwd: "/",
      // Nothing of the program's: it may hold what would make us run code of its user.
      env: { ...inheritedEnv(), ...markOf(o) },
      input: settings,
      fds: [o.out, o.err, ...(o.sockets ?? []).map(({ fd }) => fd), status.write],
    })
  let child: Child
  try {
    child = watch(start(begin, file), treeMark(o))
  } catch (error) {
    status.c.close(status.read)
    throw error
  } finally {
    status.c.close(status.write)
  }
  const said = await readStatus(status, () => child.tree.signal("SIGKILL"))
  if (said !== preparedMark) throw new Error(failureIn(said))
  child.tree.runsAs(processRow(child.identity.pid)?.uid)
  return child
}

const failureIn = (said: string) => {
  const reason = said.replace(preparedMark, "")
  return reason === "" ? `it could not be prepared within ${prepareMs / 1_000} s, or was killed meanwhile` : reason
}

type Pipe = { readonly c: Libc; readonly read: number; readonly write: number }

/** Both ends are ours alone, until one is passed on. Of libc, as not every runtime takes descriptors that are not its own. */
const openPipe = async (): Promise<Pipe> => {
  const c = await libc()
  const ends = new Int32Array(2)
  if (c.pipe2(new Uint8Array(ends.buffer), O_CLOEXEC) !== 0) {
    throw new Error("no pipe can be opened: this process has too many files open")
  }
  const [reads = 0, writes = 0] = ends
  c.fcntl(reads, F_SETFL, O_NONBLOCK)
  const high = c.fcntl(writes, F_DUPFD_CLOEXEC, firstFd)
  if (high < 0) return { c, read: reads, write: writes }
  c.close(writes)
  return { c, read: reads, write: high }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, pauseMs))

/** All that comes until nobody can write any more. `late`: it takes too long. */
const readStatus = async ({ c, read }: Pipe, late: () => void): Promise<string> => {
  const until = performance.now() + prepareMs
  const bytes = new Uint8Array(4096)
  const decoder = new TextDecoder()
  let text = ""
  for (let isLate = false; ;) {
    const length = c.read(read, bytes, bytes.length)
    if (length === 0) break
    if (length > 0) text += decoder.decode(bytes.subarray(0, length), { stream: true })
    else await pause()
    if (isLate || performance.now() < until) continue
    isLate = true
    late()
  }
  c.close(read)
  return text
}

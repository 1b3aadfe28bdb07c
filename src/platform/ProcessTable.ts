import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs"
import { endianness } from "node:os"
import process from "node:process"
import { isOutOfFiles, withSpareFile } from "./SpareFile.ts"

/** A process for certain: pids are used again, a pid with its start time and boot is not. */
export type ProcessIdentity = {
  readonly pid: number
  /** Clock ticks since boot, field 22 of /proc/<pid>/stat. */
  readonly startTime: string
  readonly bootId: string
}

/** The variable by which processes of one start are found again, whatever became of their parents. */
export const runVariable = "MUSTER_RUN"

let bootId: string | undefined
export const currentBootId = (): string => (bootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim())

const readOr = (path: string): string => {
  try {
    return withSpareFile(() => readFileSync(path, "utf8"))
  } catch {
    return ""
  }
}

/** Values that the kernel tells each program at its start, by their numbers in <elf.h>. */
const auxiliary = (key: bigint, otherwise: number): number => {
  const bytes = readFileSync("/proc/self/auxv")
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isLittle = endianness() === "LE"
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    if (view.getBigUint64(at, isLittle) === key) return Number(view.getBigUint64(at + 8, isLittle))
  }
  return otherwise
}

let pageBytes: number | undefined
let ticksPerSecond: number | undefined

/** The clock ticks of `cpuTicks` and `startTime` in a second. */
export const clockTicks = (): number => (ticksPerSecond ??= auxiliary(17n, 100))

/** What the kernel said of one process when it was read. Not yet reaped ones are told too, with the state `Z`. */
export class ProcessRow {
  readonly pid: number
  readonly parent: number
  /** Numbers of its process group and its session. */
  readonly group: number
  readonly session: number
  /** Clock ticks since boot. */
  readonly startTime: number
  /** `R`, `S`, `D`, `T`, `Z`, … as in ps. */
  readonly state: string
  readonly rssBytes: number
  /** Clock ticks on a CPU, of all its threads. */
  readonly cpuTicks: number
  readonly threads: number

  /** `stat`: the numbers from field 4 of /proc/<pid>/stat on. */
  constructor(pid: number, state: string, stat: Float64Array) {
    this.pid = pid
    this.state = state
    this.parent = stat[0] ?? 0
    this.group = stat[1] ?? 0
    this.session = stat[2] ?? 0
    this.cpuTicks = (stat[10] ?? 0) + (stat[11] ?? 0)
    this.threads = stat[16] ?? 0
    this.startTime = stat[18] ?? 0
    this.rssBytes = (stat[20] ?? 0) * (pageBytes ??= auxiliary(6n, 4096))
  }

  get identity(): ProcessIdentity {
    return { pid: this.pid, startTime: String(this.startTime), bootId: currentBootId() }
  }

  /** It has ended, and only waits to be asked how. One whose first thread has ended before the others has not. */
  get hasEnded(): boolean {
    return this.state === "X" || (this.state === "Z" && this.threads <= 1)
  }

  is(identity: ProcessIdentity): boolean {
    return (
      this.pid === identity.pid && String(this.startTime) === identity.startTime && identity.bootId === currentBootId()
    )
  }

  /** Its real user, as of now; undefined when it is gone. */
  get uid(): number | undefined {
    const uid = /^Uid:\s+(\d+)/m.exec(readOr(`/proc/${this.pid}/status`))?.[1]
    return uid === undefined ? undefined : Number(uid)
  }

  /** Its command line, as of now; in brackets its name, when it has none. */
  get command(): string {
    const line = readOr(`/proc/${this.pid}/cmdline`).replaceAll("\0", " ").trim()
    return line === "" ? `[${readOr(`/proc/${this.pid}/comm`).trim()}]` : line
  }

  /** The mark it was started with, as far as we may see it, and as it has not written over it. */
  get run(): string | undefined {
    const start = `${runVariable}=`
    const entry = readOr(`/proc/${this.pid}/environ`)
      .split("\0")
      .find((text) => text.startsWith(start))
    return entry?.slice(start.length)
  }
}

/** Rows are read often: into memory that is there already. */
const bytes = Buffer.alloc(4096)
const numbers = new Float64Array(24)
const closing = 0x29
const blank = 0x20
const minus = 0x2d
const zero = 0x30

const parse = (pid: number, length: number): ProcessRow | undefined => {
  // A program's name may hold blanks and brackets.
  let at = bytes.subarray(0, length).lastIndexOf(closing) + 2
  if (at < 2 || at >= length) return undefined
  const state = String.fromCharCode(bytes[at] ?? 0)
  at += 2
  let field = 0
  let number = 0
  let sign = 1
  for (; at < length && field < numbers.length; at++) {
    const byte = bytes[at] ?? 0
    if (byte === minus) sign = -1
    else if (byte >= zero) number = number * 10 + byte - zero
    else if (byte === blank) {
      numbers[field++] = number * sign
      number = 0
      sign = 1
    }
  }
  return field < 21 ? undefined : new ProcessRow(pid, state, numbers)
}

const readRow = (pid: number): ProcessRow | undefined => {
  const file = openSync(`/proc/${pid}/stat`, "r")
  try {
    return parse(pid, readSync(file, bytes, 0, bytes.length, 0))
  } finally {
    closeSync(file)
  }
}

/** One process as it is now; undefined when there is none of this number. Throws when no file can be opened to see that. */
export const processRow = (pid: number): ProcessRow | undefined => {
  try {
    return withSpareFile(() => readRow(pid))
  } catch (error) {
    // It is gone, or was while it was read, or nobody lets us see it.
    if (!isOutOfFiles(error)) return undefined
    throw error
  }
}

/** All processes of the host, or the container, that were seen in one pass. */
export class ProcessTable {
  readonly #rows: ReadonlyMap<number, ProcessRow>
  #children: ReadonlyMap<number, ReadonlyArray<ProcessRow>> | undefined
  #groups: ReadonlyMap<number, ReadonlyArray<ProcessRow>> | undefined
  #sessions: ReadonlyMap<number, ReadonlyArray<ProcessRow>> | undefined

  constructor(rows: ReadonlyMap<number, ProcessRow>) {
    this.#rows = rows
  }

  /** Costs about 12 microseconds for each process. */
  static read(): ProcessTable {
    const rows = new Map<number, ProcessRow>()
    for (const name of withSpareFile(() => readdirSync("/proc"))) {
      const first = name.charCodeAt(0)
      if (first < 0x31 || first > 0x39) continue
      const row = processRow(Number(name))
      if (row !== undefined) rows.set(row.pid, row)
    }
    return new ProcessTable(rows)
  }

  get rows(): Iterable<ProcessRow> {
    return this.#rows.values()
  }

  row(pid: number): ProcessRow | undefined {
    return this.#rows.get(pid)
  }

  childrenOf(pid: number): ReadonlyArray<ProcessRow> {
    this.#children ??= Map.groupBy(this.#rows.values(), ({ parent }) => parent)
    return this.#children.get(pid) ?? []
  }

  inGroup(group: number): ReadonlyArray<ProcessRow> {
    this.#groups ??= Map.groupBy(this.#rows.values(), (row) => row.group)
    return this.#groups.get(group) ?? []
  }

  inSession(session: number): ReadonlyArray<ProcessRow> {
    this.#sessions ??= Map.groupBy(this.#rows.values(), (row) => row.session)
    return this.#sessions.get(session) ?? []
  }
}

/** How the processes of one start are known. */
export type TreeOptions = {
  /**
   * What MUSTER_RUN says in them. Given: environments are read too, which finds also those that have left their parent
   * and session, at several times the cost. For a stop and an adoption.
   */
  readonly run?: string
  /** Of whom those are that only their mark tells; left out: of us. 0 may have become anybody. */
  readonly uid?: number
  /** Members as they were seen before, by which those can be told that have left the others since. */
  readonly known?: Iterable<Pick<ProcessRow, "pid" | "startTime">>
}

/** The first process of a host, its kernel, and ourselves are nobody's. */
const isNobodys = ({ pid }: ProcessRow) => pid <= 2 || pid === process.pid

const carriesMark = (row: ProcessRow, root: ProcessIdentity, { run, uid = process.getuid?.() ?? 0 }: TreeOptions) =>
  run !== undefined &&
  // None is older than what it comes from.
  row.startTime >= Number(root.startTime) &&
  (uid === 0 || row.uid === uid) &&
  row.run === run

/**
 * All that belongs to a process that was started by us, itself first: what descends from it, its session and process
 * group, and those with its mark; with all that descends from those and what they lead. Ended ones are left out.
 *
 * The kernel keeps the number of a session or group for it as long as it has members, so one whose leader is gone is
 * still ours when a member of it is known to be; else somebody else may have got its number since.
 */
export const treeOf = (
  table: ProcessTable,
  root: ProcessIdentity,
  options: TreeOptions = {},
): ReadonlyArray<ProcessRow> => {
  if (root.bootId !== currentBootId()) return []
  const found = new Set<ProcessRow>()
  const addAll = (rows: ReadonlyArray<ProcessRow>) => {
    for (const row of rows) add(row)
  }
  const add = (row: ProcessRow) => {
    if (found.has(row) || isNobodys(row)) return
    found.add(row)
    addAll(table.childrenOf(row.pid))
    if (row.session === row.pid) addAll(table.inSession(row.pid))
    if (row.group === row.pid) addAll(table.inGroup(row.pid))
  }
  const leader = table.row(root.pid)
  if (leader?.is(root) === true) add(leader)
  for (const { pid, startTime } of options.known ?? []) {
    const row = table.row(pid)
    if (row?.startTime === startTime) add(row)
  }
  if (options.run !== undefined) for (const row of table.rows) if (carriesMark(row, root, options)) add(row)
  const left = leader === undefined ? [...table.inSession(root.pid), ...table.inGroup(root.pid)] : []
  if (left.some((row) => found.has(row))) addAll(left)
  return [...found].filter((row) => !row.hasEnded)
}

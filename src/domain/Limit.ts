import { unknownEnd, unseenEnd } from "./Crash.ts"
import type { RunSettings } from "./RunSetting.ts"

export type Limits = Pick<RunSettings, "cpuMaxPercent" | "memoryMaxBytes" | "pidsMax">

/** The controllers of cgroup v2 that a limit needs. */
export type Controller = "cpu" | "memory" | "pids"

const periodMicros = 100_000

type Row = {
  readonly controller: Controller
  readonly asked: (limits: Limits) => boolean
  /** What is written where, of a limit that is asked for or not. */
  readonly files: (limits: Limits) => ReadonlyArray<readonly [file: string, text: string]>
}

const orMax = (limit: number, text = String(limit)) => (limit > 0 ? text : "max")

const rows: ReadonlyArray<Row> = [
  {
    controller: "cpu",
    asked: ({ cpuMaxPercent }) => cpuMaxPercent > 0,
    files: ({ cpuMaxPercent: percent }) => [
      ["cpu.max", `${orMax(percent, String((percent * periodMicros) / 100))} ${periodMicros}`],
    ],
  },
  {
    controller: "memory",
    asked: ({ memoryMaxBytes }) => memoryMaxBytes > 0,
    files: ({ memoryMaxBytes }) => [
      ["memory.max", orMax(memoryMaxBytes)],
      // What is left of an instance whose one process was killed is no use.
      ["memory.oom.group", memoryMaxBytes > 0 ? "1" : "0"],
    ],
  },
  {
    controller: "pids",
    asked: ({ pidsMax }) => pidsMax > 0,
    files: ({ pidsMax }) => [["pids.max", orMax(pidsMax)]],
  },
]

/** The controllers that these limits need. */
export const controllersOf = (limits: Limits): ReadonlyArray<Controller> =>
  rows.filter(({ asked }) => asked(limits)).map(({ controller }) => controller)

/** What is to be written into a group that has these controllers. */
export const limitFiles = (limits: Limits, controllers: ReadonlyArray<string>) =>
  rows.filter(({ controller }) => controllers.includes(controller)).flatMap(({ files }) => files(limits))

/** What the kernel does for want of memory, seen at the end of a process that nobody here has asked for. */
export type OomEvidence = {
  /** Its own group says that it was. */
  readonly inGroup: boolean
  /** Some process of the host was killed for it at that time. */
  readonly onHost: boolean
}

type End = { readonly code: number | null; readonly signal: string | null; readonly reason: string }

/**
 * Why a process has ended, for a person, with what the kernel says of its memory; what is only likely is told as that.
 * With neither a code nor a signal, nobody knows how it has ended.
 */
export const explainedEnd = (
  { code, reason, signal }: End,
  { inGroup, onHost }: OomEvidence,
  memoryMaxBytes: number,
): { readonly reason: string; readonly outOfMemory: boolean } => {
  const isUnknown = code === null && signal === null
  if (signal !== "SIGKILL" && !isUnknown) return { reason, outOfMemory: false }
  const limit = memoryMaxBytes > 0 ? ` (limit ${Math.round(memoryMaxBytes / 1024 ** 2)} MiB)` : ""
  // With a limit of its own all of the group is killed together; without, that may have been a child of it.
  if (inGroup && (!isUnknown || memoryMaxBytes > 0)) {
    return {
      reason: `${reason.replace(unknownEnd, "killed by the kernel").replace(unseenEnd, "killed by the kernel while no agent ran")}: out of memory${limit}`,
      outOfMemory: true,
    }
  }
  const likely = `${reason}, maybe out of memory: the kernel has killed a process for want of it at that time`
  return { reason: inGroup || onHost ? likely : reason, outOfMemory: false }
}

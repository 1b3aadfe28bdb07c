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

/** What the kernel does for want of memory, seen when a process was killed by a signal that nobody here has sent. */
export type OomEvidence = {
  /** Its own group says that it was. */
  readonly inGroup: boolean
  /** Some process of the host was killed for it at that time. */
  readonly onHost: boolean
}

/** The reason of an end by SIGKILL, for a person; what is only likely is told as that. */
export const killedReason = (reason: string, { inGroup, onHost }: OomEvidence, memoryMaxBytes: number): string => {
  const limit = memoryMaxBytes > 0 ? ` (limit ${Math.round(memoryMaxBytes / 1024 ** 2)} MiB)` : ""
  if (inGroup) return `${reason}: out of memory${limit}`
  if (onHost) return `${reason}, maybe out of memory: the kernel has killed a process for want of it at that time`
  return reason
}

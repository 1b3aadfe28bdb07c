import type { Problem } from "./Problem.ts"

/* What the processes of a service use, and how they ended, as a page shows it. Times are milliseconds since 1970. */

type Whose = { readonly nodeId: string; readonly nodeName: string; readonly name: string }
type Kind = "calls" | "tasks"
type OpenCall = { readonly method: string; readonly ageMs: number; readonly remote: string }

/** A process that was asked to end, and has not yet. */
export type Leaver = {
  readonly pid: number
  readonly elapsedMs: number
  readonly killInMs: number
  readonly processes: ReadonlyArray<{ readonly pid: number; readonly state: string; readonly command: string }>
  readonly openCalls: ReadonlyArray<OpenCall>
  readonly openCallCount: number
}

export type InspectedInstance = Whose & {
  readonly kind: Kind
  readonly slot: number
  readonly pid: number | null
  /** CPU in percent of one CPU. */
  readonly usage: { readonly rssBytes: number; readonly cpuPercent: number; readonly processes: number } | null
  readonly leaving: ReadonlyArray<Leaver>
}

export type CrashLine = Whose & {
  readonly id: string
  readonly kind: Kind
  readonly slot: number
  readonly pid: number
  readonly at: number
  readonly ranMs: number
  readonly code: number | null
  readonly signal: string | null
  readonly outOfMemory: boolean
  readonly reason: string
  readonly specRevision: number
  readonly lastGoodRevision: number | null
}

export type CrashDetail = CrashLine & {
  readonly log: ReadonlyArray<{ readonly at: number; readonly stream: "out" | "err"; readonly text: string }>
  readonly samples: ReadonlyArray<{
    readonly at: number
    readonly rssBytes: number
    readonly cpuPercent: number
    readonly loopLagMs: number | null
  }>
  readonly openCalls: ReadonlyArray<OpenCall>
  readonly openCallCount: number
}

export type InspectionView = {
  /** False: no node has been asked yet. */
  readonly known: boolean
  readonly instances: ReadonlyArray<InspectedInstance>
  /** Ports that somebody else holds while the service is down there. */
  readonly portHolders: ReadonlyArray<Whose & { readonly holder: string }>
  /** The newest first. */
  readonly crashes: ReadonlyArray<CrashLine>
  readonly silent: ReadonlyArray<{ readonly nodeName: string; readonly problem: Problem }>
}

/** Before any node was asked. */
export const notInspected: InspectionView = { known: false, instances: [], portHolders: [], crashes: [], silent: [] }

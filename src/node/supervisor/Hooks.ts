import { Context, Effect } from "effect"
import type { Failing } from "../../domain/ProcessState.ts"
import type { PoisonBook } from "../../domain/Poison.ts"
import type { ProcessAssignment } from "../../domain/ProcessSpec.ts"
import type { WorkerKind } from "../../protocol/WorkerLink.ts"
import type { Ended, Launched } from "./Launched.ts"
import type { Ledger } from "./Ledger.ts"
import { type AdoptedSockets, type Member, noSockets } from "./SocketGroup.ts"
import type { WorkerFigures } from "./WorkerRegistry.ts"
import type { WorkerRun } from "./WorkerRun.ts"

/** Which process of which set; `assignment` as it is now. */
export type Instance = { readonly assignment: ProcessAssignment; readonly kind: WorkerKind; readonly slot: number }

/** What a probe may say of a process. Saying the same again changes nothing. */
export type ProbeAnswers = {
  readonly ready: Effect.Effect<void>
  readonly unready: (reason: string) => Effect.Effect<void>
  /** It is ended, a bad end, and started anew after the wait that follows one. */
  readonly dead: (reason: string) => Effect.Effect<void>
}

/**
 * Asks a process how it is, as its spec's `readiness` and `liveness` say: run when it is up, interrupted at its end and
 * begun anew when the spec's probes have changed. A process whose spec has a `readiness` is not ready until `ready` was
 * said; of any other nobody needs to say it.
 */
export const Probing = Context.Reference<{
  readonly probe: (instance: Instance, run: WorkerRun, say: ProbeAnswers) => Effect.Effect<void>
}>("muster/node/supervisor/Probing", { defaultValue: () => ({ probe: () => Effect.void }) })

/** A process that has ended badly, and not because it was asked to. */
export type Crash = Instance & {
  readonly run: WorkerRun
  /** `reason`: what counts, also when that is why we have killed it. */
  readonly ended: Ended
  /** From its start. */
  readonly ranMs: number
  /** It had come up. */
  readonly wasUp: boolean
  /** What it had said of its open calls last; of a command nothing. */
  readonly figures: WorkerFigures | undefined
}

/** Hears of each crash, and of each process that has done well: up for a minute, or ended well by itself. */
export const CrashReports = Context.Reference<{
  readonly crashed: (crash: Crash) => Effect.Effect<void>
  readonly wentWell: (instance: Instance, run: WorkerRun) => Effect.Effect<void>
  /** For the set's status. `id`: `setIdOf` of its assignment. */
  readonly countOf: (id: string) => { readonly count: number; readonly lastAt: number | null }
}>("muster/node/supervisor/CrashReports", {
  defaultValue: () => ({
    crashed: () => Effect.void,
    wentWell: () => Effect.void,
    countOf: () => ({ count: 0, lastAt: null }),
  }),
})

/** A process that an agent before this one has started. */
export type AdoptedRun = {
  readonly kind: WorkerKind
  readonly slot: number
  readonly launched: Launched
  /** What it was started from. */
  readonly assignment: ProcessAssignment
  /** Milliseconds of the monotonic clock; below 0 when it is older than that. */
  readonly startedAt: number
  /** It was up already; otherwise `launched.ready` tells when it is. */
  readonly up: boolean
  /** It had been asked to end, for another in its place or because the slot was to be stopped. */
  readonly leaving: boolean
  /** It has ended while no agent ran. `cgroup`: the folder of the control group in which it was. */
  readonly over?: { readonly cgroup: string | undefined }
  /** It may still take so long; left out: as any other that is asked to end. */
  readonly drainMs?: number
  /** Left out: nobody has counted. */
  readonly generation?: number
  /** Bad ends in its slot before it. */
  readonly restarts: number
}

/** When an instance came to be as it is, in milliseconds since 1970; an older agent has not kept it. */
type Dated = { readonly since?: number | undefined }

/** An instance that has failed: how it stands, and how often it has ended badly. */
export type FailingSlot = Failing & Dated & { readonly restarts: number }

/** An instance that has ended by itself, and stays down. */
export type EndedSlot = Dated & { readonly reason: string; readonly good: boolean }

/** Which version of a set its workers were; `assignment` undefined: not known from what they were started. */
export type Origin = { readonly generation: number; readonly assignment: ProcessAssignment | undefined }

/** What an agent before this one has left of a set: asked once, when the set is made. */
export type Adopted = {
  readonly runs: ReadonlyArray<AdoptedRun>
  /** Instances that had ended by themselves and were to stay down. */
  readonly ended: ReadonlyArray<{
    readonly kind: WorkerKind
    readonly slot: number
    readonly ended: EndedSlot
    /** What had ended; undefined: not known. */
    readonly assignment: ProcessAssignment | undefined
  }>
  /** Instances that had failed when they ended last. */
  readonly failing: ReadonlyArray<{
    readonly kind: WorkerKind
    readonly slot: number
    readonly failing: FailingSlot
    /** What has failed; undefined: not known. */
    readonly assignment: ProcessAssignment | undefined
  }>
  readonly sockets: AdoptedSockets
  /** Which calls had ended its workers, of which version. */
  readonly poison?: (Origin & { readonly book: PoisonBook }) | undefined
}

export const nothingAdopted: Adopted = { runs: [], ended: [], failing: [], sockets: noSockets }

/** What the agent before this one has left running. */
export const Adoption = Context.Reference<{
  readonly adopt: (assignment: ProcessAssignment, ledger: Ledger) => Effect.Effect<Adopted>
  /** The set's listening sockets have changed; in the kernel's order. */
  readonly sockets: (assignment: ProcessAssignment, members: ReadonlyArray<Member>) => Effect.Effect<void>
  /** What is known of calls that end workers of this version has changed. */
  readonly poison: (set: ProcessAssignment, generation: number, book: PoisonBook) => Effect.Effect<void>
  /** A process has begun to leave, or has ended and stays down: what the next agent has to know of it. */
  readonly left: (instance: Instance, pid: number, withinMs: number) => Effect.Effect<void>
  readonly exited: (instance: Instance, ended: EndedSlot) => Effect.Effect<void>
  /** An instance has failed; undefined: that is forgiven. */
  readonly failing: (instance: Instance, failing: FailingSlot | undefined) => Effect.Effect<void>
}>("muster/node/supervisor/Adoption", {
  defaultValue: () => ({
    adopt: () => Effect.succeed(nothingAdopted),
    sockets: () => Effect.void,
    poison: () => Effect.void,
    left: () => Effect.void,
    exited: () => Effect.void,
    failing: () => Effect.void,
  }),
})

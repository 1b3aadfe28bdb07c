import type { Deferred, Effect, Scope } from "effect"
import type { ProcessAssignment } from "../../domain/ProcessSpec.ts"
import type { SetView } from "../../domain/StartOrder.ts"
import type { ProcessStatus, ReloadVerdict } from "../../protocol/NodeManager.ts"
import type { RestartVerdict } from "../../protocol/ProcessMessages.ts"
import type { Ledger } from "./Ledger.ts"
import type { InstanceChoice } from "./SetRestart.ts"
import type { Placed } from "./SetStatus.ts"

export type WorkerSetOptions = {
  readonly assignment: ProcessAssignment
  readonly scope: Scope.Closeable
  /** What the set has to wait for before it starts, or stops as a whole, for a person; undefined: nothing. */
  readonly startWaitsFor: () => string | undefined
  readonly stopWaitsFor: () => string | undefined
  /** Something has changed that other sets may wait for. */
  readonly changed: Effect.Effect<void>
}

/** All workers of one assignment: as many as its spec says, on one port, and those that run its tasks. */
export interface WorkerSet {
  /** Everything that supervises it; to be closed after `stop`. */
  readonly scope: Scope.Closeable
  readonly assignment: ProcessAssignment
  /** What has changed in it decides what it touches: the number of workers, or all of them in turn. */
  readonly assign: (assignment: ProcessAssignment) => Effect.Effect<void>
  /** Begins to replace the workers one after the other; the verdict comes when that is over. */
  readonly reload: Effect.Effect<Deferred.Deferred<ReloadVerdict>>
  /** Looks again, as what it waited for may be there. */
  readonly look: Effect.Effect<void>
  /** Ends processes and starts them anew, all at once; the verdict comes when that is over. */
  readonly restart: (instance: InstanceChoice) => Effect.Effect<RestartVerdict>
  /** Whether it has such an instance, or any when none is named. */
  readonly has: (instance: InstanceChoice) => boolean
  /** Stops all workers; returns when they are gone. */
  readonly stop: Effect.Effect<void>
  /** Kills what is left of them. */
  readonly kill: Effect.Effect<void>
  readonly status: ProcessStatus
  readonly view: SetView
  /** For others, before it starts or stops. */
  readonly isWaiting: boolean
  /** Its places that are to stay, and those that go. */
  readonly slots: ReadonlyArray<Placed>
  readonly ledger: Ledger
}

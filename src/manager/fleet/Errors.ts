import { Data } from "effect"
import { type Problem, problemSentence } from "../../domain/Problem.ts"
import { guardReason, type GuardVerdict } from "../../domain/Guard.ts"

export { Conflict, NotFound, Stale } from "../store/Errors.ts"

/** The guard objects; the same command with `override: true` lets it pass, by name. */
export class GuardRefused extends Data.TaggedError("GuardRefused")<{ readonly verdict: GuardVerdict }> {
  override get message() {
    return `Not released: ${guardReason(this.verdict)}. Confirm it by name to release it all the same`
  }
}

/** The agent's own service is kept by the manager. */
export class KernelService extends Data.TaggedError("KernelService")<{ readonly action: string }> {
  override get message() {
    return `Cannot ${this.action} node_manager: the manager keeps it from the joined nodes`
  }
}

/** One push per service at a time. */
export class PushRunning extends Data.TaggedError("PushRunning")<{
  readonly revision: number
  readonly by: string
  readonly startedAt: number
}> {
  override get message() {
    return `${this.by} is pushing revision ${this.revision} of this service: wait for it, or cancel it`
  }
}

export class NothingToPush extends Data.TaggedError("NothingToPush")<{
  readonly reason: "nothing-released" | "no-clients"
}> {
  override get message() {
    return this.reason === "nothing-released"
      ? "There is nothing to push: no revision of this service was released yet"
      : "There is nothing to push to: the service has no clients"
  }
}

export type JoinRefusal =
  | "malformed"
  | "unknown-token"
  | "used-token"
  | "expired-token"
  | "revoked-token"
  | "revoked-node"
  | "bad-csr"
  | "address-taken"

/** Why a node was not let in. `message` says what to do about it. */
export class JoinRefused extends Data.TaggedError("JoinRefused")<{
  readonly reason: JoinRefusal
  readonly message: string
}> {}

/** The node is not connected, or did not do what it was asked. */
export class NodeUnavailable extends Data.TaggedError("NodeUnavailable")<{
  readonly nodeId: string
  readonly problem: Problem
}> {
  override get message() {
    return problemSentence(this.problem)
  }
}

/** One action on several of a list at a time. */
export class BulkRunning extends Data.TaggedError("BulkRunning")<{
  readonly list: "services" | "cron"
  readonly by: string
}> {
  override get message() {
    return `${this.by} does something with several of them already: wait for it`
  }
}

/** The node that had the task before has not let go of it, or no node has it yet: `node` is whom it waits for. */
export class CronWaits extends Data.TaggedError("CronWaits")<{ readonly name: string; readonly node: string }> {
  override get message() {
    return `${this.name} is not on its node yet: it waits for ${this.node}`
  }
}

/** Somebody has changed the task since the edit began. */
export class CronChanged extends Data.TaggedError("CronChanged")<{ readonly revision: number; readonly by: string }> {
  override get message() {
    return `The task was changed meanwhile by ${this.by}: it is at revision ${this.revision} now`
  }
}

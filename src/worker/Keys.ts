import { isErrorCode } from "../domain/ErrorCode.ts"
import { encode } from "../protocol/Encode.ts"
import { textOf } from "../protocol/ErrorText.ts"
import { callHash, hashBytes, hashText } from "../protocol/CallHash.ts"
import { RpcError } from "../protocol/RpcError.ts"
import type { KeyBegun, KeyOutcome } from "../protocol/WorkerLink.ts"
import type { Handler, ServerCall } from "../rpc/Handler.ts"
import type { AgentLink } from "./AgentLink.ts"

const keyMax = 255
/** Between two looks whether a call that runs elsewhere has ended. */
const firstLookMs = 10
const lastLookMs = 250
/** A call without a deadline waits for another no longer than this. */
const patienceMs = 30_000
/** What is left of a deadline for the answer to reach the caller. */
const reserveMs = 20
/** An outcome that no agent could be told within the call's time is kept for the next one so long. */
const outcomeKeptMs = 60_000

const refused = (code: "invalid_argument" | "failed_precondition", message: string) =>
  new RpcError(code, message, { executed: "no" })

const unsure = (message: string) => new RpcError("aborted", message, { executed: "maybe" })

type Call = { readonly name: string; readonly args: ReadonlyArray<unknown>; readonly call: ServerCall }

/**
 * Calls with an idempotency key (`key` in the request's map): the agent is asked whether the call was made before, and
 * keeps what becomes of it. A call without one costs a look.
 */
export class Keys {
  readonly #link: AgentLink
  readonly #isOn: boolean
  #calls = 0

  constructor(link: AgentLink, options: { readonly windowMs: number }) {
    this.#link = link
    this.#isOn = options.windowMs > 0
  }

  /** The same handler, which runs once for each key. */
  once(name: string, handle: Handler): Handler {
    return (args, call) =>
      call.meta["key"] === undefined ? handle(args, call) : this.#keyed({ name, args, call }, handle)
  }

  async #keyed(given: Call, handle: Handler): Promise<unknown> {
    const { args, call } = given
    const key = this.#keyOf(given)
    const begun = await this.#begin(key, requestOf(given), call)
    switch (begun.state) {
      case "run":
        return await this.#run(key, call, () => handle(args, call))
      case "done":
        return again(begun.outcome)
      case "mismatch":
        throw refused("invalid_argument", `The idempotency key was used for another call: use a new key for each`)
      case "running":
        throw unsure(
          begun.lost
            ? "A call with this idempotency key was running in a worker that died: nobody knows what became of it"
            : "A call with this idempotency key is still running",
        )
    }
  }

  #keyOf({ call, name }: Call): string {
    const key = call.meta["key"]
    if (typeof key !== "string" || key.length === 0 || key.length > keyMax)
      throw refused("invalid_argument", `The idempotency key is not a text of 1 to ${keyMax} characters`)
    if (call.isStream)
      throw refused("invalid_argument", `"${name}" was called for a stream, which can't have an idempotency key`)
    if (!this.#isOn)
      throw refused(
        "failed_precondition",
        "Idempotency keys are switched off: idempotencyWindowMs of this service is 0",
      )
    return `${call.peer?.commonName ?? call.client}\n${key}`
  }

  /** Asks until the call does not run elsewhere any more, or there is no time left. */
  async #begin(key: string, request: string, call: ServerCall): Promise<KeyBegun> {
    const until = performance.now() + Math.min(call.remainingMs() - reserveMs, patienceMs)
    const number = ++this.#calls
    for (let waitMs = firstLookMs; ; waitMs = Math.min(waitMs * 2, lastLookMs)) {
      const begun = await this.#link.beginKey({ key, request, call: number }, Math.max(0, until - performance.now()))
      if (begun.state !== "running" || begun.lost || call.signal.aborted) return begun
      const leftMs = until - performance.now()
      if (leftMs <= 0) return begun
      await new Promise<void>((resolve) => setTimeout(resolve, Math.min(waitMs, leftMs)))
    }
  }

  /** The outcome is kept before the caller hears of it: an answer that is lost on the way can be asked for again. */
  async #run(key: string, call: ServerCall, run: () => unknown): Promise<unknown> {
    try {
      const value = await run()
      await this.#endWithin(call, key, { ok: true, value: value ?? null })
      return value
    } catch (error) {
      await this.#endWithin(call, key, failureOf(error))
      throw error
    }
  }

  /** A call whose agent is away for longer than it may take is answered, and the next agent hears of it all the same. */
  async #endWithin(call: ServerCall, key: string, outcome: KeyOutcome): Promise<void> {
    const leftMs = Math.min(call.remainingMs() - reserveMs, outcomeKeptMs)
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, Math.max(0, leftMs))))
    await Promise.race([this.#end(key, outcome), late])
    clearTimeout(timer)
  }

  /** A call is answered even when its outcome can't be kept; a repeat of it then hears of that. */
  async #end(key: string, outcome: KeyOutcome): Promise<void> {
    try {
      await this.#link.endKey({ key, outcome }, outcomeKeptMs)
    } catch (error) {
      const message = `The call was made, but its outcome could not be kept for a repeat: ${textOf(error)}`
      const told: KeyOutcome = { ok: false, code: "failed_precondition", message, details: null }
      await this.#link.endKey({ key, outcome: told }, outcomeKeptMs).catch(() => undefined)
    }
  }
}

const requestOf = ({ args, name }: Call): string => {
  const bytes = encode([name, args])
  hashBytes(bytes, 0, bytes.length)
  return hashText(callHash.low, callHash.high)
}

const failureOf = (error: unknown): KeyOutcome =>
  error instanceof RpcError
    ? { ok: false, code: error.code, message: error.message, details: error.details }
    : { ok: false, code: "internal", message: textOf(error), details: null }

const again = (outcome: KeyOutcome): unknown => {
  if (outcome.ok) return outcome.value
  const { code, details, message } = outcome
  throw new RpcError(isErrorCode(code) ? code : "unknown", message, { details })
}

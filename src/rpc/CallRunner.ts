import type { ErrorCode } from "../domain/ErrorCode.ts"
import type { Identity } from "../platform/Transport.ts"
import { EncodeError } from "../protocol/EncodeError.ts"
import { textOf } from "../protocol/ErrorText.ts"
import { FrameType, type FrameReader } from "../protocol/Frame.ts"
import type { Limits } from "../protocol/Limits.ts"
import { readCredit, readFirstCredit, readRequest, type Request } from "../protocol/Messages.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { deadlines, now } from "./Deadlines.ts"
import { type RpcFault, type RpcServerOptions, serverMethod } from "./Handler.ts"
import type { Link } from "./Link.ts"
import type { Pace } from "./Pace.ts"
import { type CallHost, RunningCall } from "./RunningCall.ts"
import type { Counts } from "./ServerFigures.ts"
import { ServerStream, type StreamHost } from "./ServerStream.ts"
import { turns } from "./Turns.ts"

/** What the calls of one connection ask of their server. */
export interface RunnerHost {
  readonly options: RpcServerOptions
  readonly limits: Limits
  readonly counts: Counts
  readonly pace: Pace
  fault(fault: RpcFault): void
}

/** What they ask of their connection. */
export interface RunnerOwner {
  readonly remote: string
  readonly peer: Identity | undefined
  readonly client: string
  readonly link: Link
  /** A handler has settled that was not done at once. */
  settled(): void
}

type Refusal = "unimplemented" | "resource_exhausted" | "deadline_exceeded" | "unavailable" | "failed_precondition"

export const notRun = (code: Refusal, message: string) => new RpcError(code, message, { executed: "no" })

const ping = serverMethod("ping", () => "pong")

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  isObject(value) && "then" in value && typeof value.then === "function"

const isItems = (value: unknown): value is AsyncIterable<unknown> => isObject(value) && Symbol.asyncIterator in value

/** Runs the calls of one connection and writes their answers. */
export class CallRunner implements CallHost, StreamHost {
  /** Calls whose handler has not settled, answered or not. */
  readonly running = new Set<RunningCall>()
  readonly #host: RunnerHost
  readonly #owner: RunnerOwner
  readonly #slowMs: number
  readonly #byId = new Map<number, RunningCall>()
  /** By which the guard knows this connection; 0: it does not, or not yet. */
  #caller = 0
  #isClosed = false

  constructor(host: RunnerHost, owner: RunnerOwner) {
    this.#host = host
    this.#owner = owner
    this.#slowMs = host.options.slowCallMs || Infinity
  }

  get remote(): string {
    return this.#owner.remote
  }

  get peer(): Identity | undefined {
    return this.#owner.peer
  }

  get client(): string {
    return this.#owner.client
  }

  get isBlocked(): boolean {
    return this.#owner.link.out.blocked
  }

  /** One REQUEST, or with id 0 one ONEWAY. A body that is no request spoils its own call only. */
  request(reader: FrameReader, isStream: boolean): void {
    const { id } = reader
    const full = this.#full()
    if (full !== undefined) {
      this.#host.counts.aborted++
      return this.refuse(id, full)
    }
    let request: Request
    try {
      request = readRequest(reader)
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      if (id === 0) this.#host.fault({ kind: "protocol", remote: this.remote, error })
      return this.refuse(id, error)
    }
    if (request.method === "ping" && !isStream) void this.#answer(id, "ping", "pong")
    else this.#run(reader, request, isStream)
  }

  refuse(id: number, error: RpcError): void {
    if (id === 0) return
    this.#host.counts.responses++
    this.#owner.link.error(id, error)
  }

  cancel(id: number): void {
    this.#byId.get(id)?.giveUp("cancelled", "The caller cancelled the call")
  }

  credit(reader: FrameReader): void {
    const call = this.#byId.get(reader.id)
    const stream = call?.stream
    if (call === undefined || stream === undefined) return
    try {
      if (!stream.grant(readCredit(reader))) call.giveUp("resource_exhausted", "The credit is above 2147483647")
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      call.giveUp(error.code, error.message)
    }
  }

  /** An ITEM of the caller, for which there never is credit. */
  item(id: number): void {
    const call = this.#byId.get(id)
    if (call?.isStream === true) call.giveUp("resource_exhausted", "An item without credit")
  }

  /** The peer takes answers again. */
  drained(): void {
    for (const { stream } of this.running) stream?.pull()
  }

  giveUpAll(code: ErrorCode, message: string): void {
    for (const call of this.running) call.giveUp(code, message)
  }

  /** The connection is closed: nothing more comes from it. */
  closed(): void {
    this.giveUpAll("cancelled", "The connection was lost")
    this.#isClosed = true
    this.#leaveIdle()
  }

  gaveUp(call: RunningCall, error: RpcError): void {
    this.#answerError(call.id, error)
    this.#measureRun(call, error.code)
  }

  sendItem(call: RunningCall, value: unknown): void {
    const { link } = this.#owner
    if (call.answered || !link.open) return
    try {
      link.out.begin(FrameType.item, 0, call.id).value(value)
      link.out.commit()
      link.flushLater()
    } catch (error) {
      link.out.rollback()
      const { code, message } = this.#unsendable(call.method, error)
      call.giveUp(code, message)
    }
  }

  settled(call: RunningCall, threw: boolean, outcome: unknown): void {
    deadlines.remove(call)
    this.running.delete(call)
    this.#byId.delete(call.id)
    call.entry.running--
    this.#host.counts.running--
    if (!call.isStream) this.#host.pace.end()
    this.#finish(call, threw, outcome)
    if (this.#isClosed) this.#leaveIdle()
    this.#owner.link.flush()
    this.#owner.settled()
  }

  #leaveIdle(): void {
    if (this.running.size > 0) return
    this.#host.options.guard?.leave(this.#caller)
    this.#caller = 0
  }

  #full(): RpcError | undefined {
    const { counts, limits } = this.#host
    if (this.running.size >= limits.inFlight)
      return notRun("resource_exhausted", `More than ${limits.inFlight} calls at once`)
    if (counts.running >= limits.inFlightTotal)
      return notRun("resource_exhausted", `More than ${limits.inFlightTotal} calls at once on all connections`)
    return undefined
  }

  #run(reader: FrameReader, request: Request, isStream: boolean): void {
    const { id } = reader
    const { guard, methods } = this.#host.options
    const entry = request.method === "ping" ? ping : methods(request.method)
    if (entry === undefined)
      return this.refuse(id, notRun("unimplemented", `There is no method "${request.method}" here`))
    const call = new RunningCall(this, id, { request, arrivedAt: this.#owner.link.arrivedAt, entry })
    const refusal = this.#refusal(call, request, isStream)
    if (refusal !== undefined) return this.#turnAway(call, refusal)
    if (guard !== undefined) {
      if (this.#caller === 0) this.#caller = guard.enter(this.remote)
      const place = guard.begin(request, reader.bytes, this.#caller)
      if (typeof place !== "number") return this.#turnAway(call, place)
      call.place = place
    }
    this.#handle(call, request.args)
  }

  /** Why a call of a known method is not run; sets up its stream. */
  #refusal(call: RunningCall, request: Request, isStream: boolean): RpcError | undefined {
    const { entry } = call
    const { clock } = this.#owner.link
    if (call.dueAt <= clock) return notRun("deadline_exceeded", "The deadline had passed before the call began")
    if (this.#isInVain(call, clock)) {
      this.#host.counts.aborted++
      return notRun("resource_exhausted", "Too busy to be done within the deadline")
    }
    if (entry.running >= entry.concurrencyMax) {
      this.#host.counts.aborted++
      return notRun("resource_exhausted", `More than ${entry.concurrencyMax} calls of "${entry.name}" at once`)
    }
    if (isStream) return this.#streamRefusal(call, request)
    if (entry.streams) return notRun("failed_precondition", notAsked(entry.name))
    return undefined
  }

  /** In the order of their arrival, each call would begin when its time is nearly over, and none be done in time. */
  #isInVain({ arrivedAt, dueAt, entry }: RunningCall, clock: number): boolean {
    if (dueAt === Infinity) return false
    if (dueAt - clock < clock - arrivedAt && turns.isOverloaded(clock)) return true
    const leftMs = dueAt - clock
    // Those that run may be others, which only wait.
    return entry.running > 0 && entry.usualMs > leftMs / 4 && this.#host.pace.isTooSlowFor(leftMs)
  }

  #streamRefusal(call: RunningCall, request: Request): RpcError | undefined {
    try {
      call.stream = new ServerStream(this, call, readFirstCredit(request.meta))
      return undefined
    } catch (error) {
      if (error instanceof RpcError) return error
      throw error
    }
  }

  /** Answers a call of a known method that is not run. */
  #turnAway(call: RunningCall, error: RpcError): void {
    this.refuse(call.id, error)
    this.#measure(call, error.code)
  }

  #handle(call: RunningCall, args: ReadonlyArray<unknown>): void {
    let result: unknown
    let isLater: boolean
    try {
      result = call.entry.handle(args, call)
      isLater = call.isStream || isThenable(result) || isItems(result)
    } catch (error) {
      return this.#finish(call, true, error)
    }
    if (!isLater) return this.#finish(call, false, result)
    this.#owner.link.clock = now()
    this.#owner.link.hasBegun = true
    this.#begin(call)
    // Not the result's own `then`, which may be anything.
    Promise.resolve(result).then(
      (value) => this.#resolved(call, value),
      (error: unknown) => this.settled(call, true, error),
    )
  }

  #begin(call: RunningCall): void {
    this.running.add(call)
    if (call.id !== 0) this.#byId.set(call.id, call)
    call.entry.running++
    this.#host.counts.running++
    if (!call.isStream) this.#host.pace.begin()
    if (call.dueAt !== Infinity) deadlines.add(call, call.dueAt)
  }

  #resolved(call: RunningCall, value: unknown): void {
    const { stream } = call
    if (stream !== undefined) return isItems(value) ? stream.start(value) : stream.startSingle(value)
    if (!isItems(value)) return this.settled(call, false, value)
    void dismiss(value)
    this.settled(call, true, new RpcError("failed_precondition", notAsked(call.method)))
  }

  #finish(call: RunningCall, threw: boolean, outcome: unknown): void {
    const { counts, options } = this.#host
    counts.served++
    options.guard?.end(call.place)
    const isFault = threw && !(outcome instanceof RpcError) && !(call.answered && isAbort(outcome))
    if (isFault) this.#host.fault({ kind: "handler", remote: this.remote, method: call.method, error: outcome })
    if (call.answered) return
    call.answered = true
    this.#measureRun(call, threw ? this.#fail(call, outcome) : this.#succeed(call, outcome))
  }

  #fail(call: RunningCall, outcome: unknown): ErrorCode {
    const error = outcome instanceof RpcError ? outcome : new RpcError("internal", textOf(outcome))
    this.#answerError(call.id, error)
    return error.code
  }

  #succeed(call: RunningCall, outcome: unknown): ErrorCode | undefined {
    const { id } = call
    if (!call.isStream) return this.#answer(id, call.method, outcome)
    const { link } = this.#owner
    if (id === 0 || !link.open) return undefined
    this.#host.counts.responses++
    link.out.bare(FrameType.end, 0, id)
    link.flush()
    return undefined
  }

  /** One look at the clock for each call: its end is also the beginning of the next one that waits. */
  #measure(call: RunningCall, code: ErrorCode | undefined): number {
    const tookMs = (this.#owner.link.clock = now()) - call.arrivedAt
    call.entry.meter?.record(tookMs * 1000, code)
    if (tookMs > this.#slowMs && !call.isStream) this.#host.options.onSlow?.(call, tookMs)
    return tookMs
  }

  /** Of a call that was begun, and not only turned away. */
  #measureRun(call: RunningCall, code: ErrorCode | undefined): void {
    const tookMs = this.#measure(call, code)
    const { entry } = call
    if (!call.isStream) entry.usualMs += (tookMs - entry.usualMs) / 8
  }

  #answerError(id: number, error: RpcError): void {
    if (id === 0 || !this.#owner.link.open) return
    this.refuse(id, error)
    this.#owner.link.flush()
  }

  /** Returns the code of the error that leaves in the result's place. */
  #answer(id: number, method: string, value: unknown): ErrorCode | undefined {
    const { link } = this.#owner
    if (id === 0 || !link.open) return undefined
    const { out } = link
    if (out.queuedBytes > this.#host.limits.queuedBytes)
      return this.#inPlace(id, new RpcError("resource_exhausted", "Too many answers wait to be read"))
    try {
      out.begin(FrameType.response, 0, id).value(value)
      out.commit()
    } catch (error) {
      out.rollback()
      return this.#inPlace(id, this.#unsendable(method, error))
    }
    this.#host.counts.responses++
    return undefined
  }

  #inPlace(id: number, error: RpcError): ErrorCode {
    this.refuse(id, error)
    return error.code
  }

  /** A result without a form in muster/1 is the handler's fault, one that is too large the caller's limit. */
  #unsendable(method: string, error: unknown): RpcError {
    const tooLarge = error instanceof EncodeError && error.tooLarge
    if (!tooLarge) this.#host.fault({ kind: "handler", remote: this.remote, method, error })
    const message = `The result of "${method}" cannot be sent: ${textOf(error)}`
    return new RpcError(tooLarge ? "resource_exhausted" : "internal", message)
  }
}

const notAsked = (method: string) => `"${method}" answers a stream of items, and was called for one answer`

/** A handler that ends because its signal said so is none that failed. */
const isAbort = (error: unknown) => error instanceof Error && error.name === "AbortError"

/** Whoever made the items is told that nobody takes them. */
const dismiss = async (items: AsyncIterable<unknown>): Promise<void> => {
  try {
    await items[Symbol.asyncIterator]().return?.()
  } catch {
    // Its own matter: the call has its answer.
  }
}

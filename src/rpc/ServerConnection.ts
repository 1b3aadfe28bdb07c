import { processId, type Duplex, type Identity } from "../platform/Transport.ts"
import { EncodeError } from "../protocol/EncodeError.ts"
import { FrameFlag, FrameType, protocolError, type FrameReader } from "../protocol/Frame.ts"
import { commonVersion, hello, readHello } from "../protocol/Handshake.ts"
import type { Limits } from "../protocol/Limits.ts"
import { readBody, readRequest, type Request } from "../protocol/Messages.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { deadlines, now } from "./Deadlines.ts"
import { Link, type LinkOwner } from "./Link.ts"
import { RunningCall, type CallHost } from "./RunningCall.ts"
import type { RpcFault, RpcServerOptions } from "./Handler.ts"

/** What a connection asks of its server. */
export interface ServerHost {
  readonly options: RpcServerOptions
  readonly limits: Limits
  served: number
  fault(fault: RpcFault): void
  /** The last call of a connection that is going away was answered. */
  idle(connection: ServerConnection): void
  gone(connection: ServerConnection): void
}

const everyId = 0xffffffff
const streams = FrameFlag.answersStream | FrameFlag.sendsStream

const notRun = (code: "unimplemented" | "resource_exhausted" | "deadline_exceeded" | "unavailable", message: string) =>
  new RpcError(code, message, { executed: "no" })

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

/** The server's end of one connection. */
export class ServerConnection implements LinkOwner, CallHost {
  readonly pausesSlowPeer = true
  greeted = false
  client = ""
  readonly remote: string
  readonly peer: Identity | undefined
  /** Calls whose handler has not settled, answered or not. */
  readonly running = new Set<RunningCall>()
  readonly #host: ServerHost
  readonly #link: Link
  readonly #byId = new Map<number, RunningCall>()
  #lastId = 0
  #lastTaken = everyId

  constructor(host: ServerHost, duplex: Duplex) {
    this.#host = host
    this.remote = duplex.remote
    this.peer = duplex.peer
    this.#link = new Link(duplex, host.limits, this)
  }

  frame(reader: FrameReader): void {
    switch (reader.type) {
      case FrameType.request:
        return this.#request(reader)
      case FrameType.cancel:
        return this.#byId.get(reader.id)?.giveUp("cancelled", "The caller cancelled the call")
      case FrameType.oneway:
        return this.#oneway(reader)
      case FrameType.hello:
        return this.#hello(reader)
      case FrameType.item:
      case FrameType.end:
      case FrameType.credit:
        // Of a stream that was refused or is over: what was under way then is no fault.
        return
      case FrameType.error:
        if (reader.id === 0) return this.#link.part()
        throw protocolError("A client sends no ERROR for a call")
      default:
        throw protocolError(`A client sends no frame of type ${reader.type}`)
    }
  }

  /** Tells why, and ends the connection. */
  refuse(error: RpcError): void {
    this.#link.fail(error)
  }

  /** Takes no more requests than have come. */
  goAway(reason: string): void {
    if (!this.#link.open || this.#lastTaken !== everyId) return
    if (!this.greeted) return this.refuse(notRun("unavailable", reason))
    this.#lastTaken = this.#lastId
    this.#link.out.begin(FrameType.goaway, 0, 0).value({ last: this.#lastId, reason, holdOffMs: 0 })
    this.#link.out.commit()
    this.#link.flush()
  }

  part(): void {
    this.#link.part()
  }

  /** Ends now, whatever still runs. */
  cut(reason: string): void {
    for (const call of this.running) call.giveUp("unavailable", reason)
    this.#link.part(0)
  }

  answerError(id: number, error: RpcError): void {
    if (id === 0 || !this.#link.open) return
    this.#link.error(id, error)
    this.#link.flush()
  }

  failed(error: RpcError): void {
    this.#host.fault({ kind: "protocol", remote: this.remote, error })
  }

  closed(): void {
    for (const call of this.running) call.giveUp("cancelled", "The connection was lost")
    this.#host.gone(this)
  }

  #hello(reader: FrameReader): void {
    if (this.greeted) throw protocolError("HELLO comes once")
    const theirs = readHello(readBody(reader))
    commonVersion(theirs.versions)
    this.greeted = true
    this.client = theirs.who
    const { limits, options } = this.#host
    const out = this.#link.out
    out.frameLimit = theirs.limits.frame
    const worker = { ...options.worker, pid: processId }
    out.begin(FrameType.hello, 0, 0).value({ ...hello(options.service, limits), service: options.service, worker })
    out.commit()
  }

  #request(reader: FrameReader): void {
    const { flags, id } = reader
    if (id <= this.#lastId) throw protocolError(`The request's id ${id} is not above the last, ${this.#lastId}`)
    this.#lastId = id
    const refusal = this.#refusal(id, flags)
    if (refusal !== undefined) return this.#link.error(id, refusal)
    const request = this.#readRequest(reader)
    if (request !== undefined) this.#run(id, request)
  }

  #refusal(id: number, flags: number): RpcError | undefined {
    if (id > this.#lastTaken) return notRun("unavailable", "The server takes no more calls on this connection")
    if ((flags & streams) !== 0) return notRun("unimplemented", "Streams are not spoken here")
    const { inFlight } = this.#host.limits
    if (this.running.size >= inFlight) return notRun("resource_exhausted", `More than ${inFlight} calls at once`)
    return undefined
  }

  /** A body that is no request spoils its own call only. */
  #readRequest(reader: FrameReader): Request | undefined {
    try {
      return readRequest(reader)
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      if (reader.id === 0) this.failed(error)
      else this.#link.error(reader.id, error)
      return undefined
    }
  }

  #oneway(reader: FrameReader): void {
    if (this.#refusal(0, reader.flags) !== undefined) return
    const request = this.#readRequest(reader)
    if (request !== undefined) this.#run(0, request)
  }

  #run(id: number, request: Request): void {
    const { method } = request
    if (method === "ping") return this.#answer(id, method, "pong")
    const { arrivedAt } = this.#link
    if (request.deadlineMs !== Infinity && arrivedAt + request.deadlineMs <= now())
      return this.#refuseCall(id, notRun("deadline_exceeded", "The deadline had passed before the call began"))
    this.#handle(new RunningCall(this, id, request, arrivedAt), request.args)
  }

  #refuseCall(id: number, error: RpcError): void {
    if (id !== 0) this.#link.error(id, error)
  }

  #handle(call: RunningCall, args: ReadonlyArray<unknown>): void {
    let result: unknown
    try {
      const method = this.#host.options.methods(call.method)
      if (method === undefined)
        return this.#refuseCall(call.id, notRun("unimplemented", `There is no method "${call.method}" here`))
      result = method.handle(args, call)
      if (!isThenable(result)) return this.#settle(call, false, result)
    } catch (error) {
      return this.#settle(call, true, error)
    }
    this.running.add(call)
    if (call.id !== 0) this.#byId.set(call.id, call)
    if (call.dueAt !== Infinity) deadlines.add(call, call.dueAt)
    // Not the result's own `then`, which may be anything.
    Promise.resolve(result).then(
      (value) => this.#settleLater(call, false, value),
      (error: unknown) => this.#settleLater(call, true, error),
    )
  }

  #settleLater(call: RunningCall, threw: boolean, outcome: unknown): void {
    deadlines.remove(call)
    this.running.delete(call)
    this.#byId.delete(call.id)
    this.#settle(call, threw, outcome)
    this.#link.flush()
    if (this.#lastTaken !== everyId && this.running.size === 0) this.#host.idle(this)
  }

  #settle(call: RunningCall, threw: boolean, outcome: unknown): void {
    this.#host.served++
    const unexpected = threw && !(outcome instanceof RpcError)
    if (unexpected) this.#host.fault({ kind: "handler", remote: this.remote, method: call.method, error: outcome })
    if (call.answered) return
    call.answered = true
    if (!threw) this.#answer(call.id, call.method, outcome)
    else this.answerError(call.id, unexpected ? new RpcError("internal", textOf(outcome)) : (outcome as RpcError))
  }

  #answer(id: number, method: string, value: unknown): void {
    if (id === 0 || !this.#link.open) return
    const out = this.#link.out
    if (out.queuedBytes > this.#host.limits.queuedBytes)
      return this.#link.error(id, new RpcError("resource_exhausted", "Too many answers wait to be read"))
    try {
      out.begin(FrameType.response, 0, id).value(value)
      out.commit()
    } catch (error) {
      out.rollback()
      this.#unsendable(id, method, error)
    }
  }

  /** A result without a form in muster/1 is the handler's fault, one that is too large the caller's limit. */
  #unsendable(id: number, method: string, error: unknown): void {
    const tooLarge = error instanceof EncodeError && error.tooLarge
    const message = `The result of "${method}" cannot be sent: ${textOf(error)}`
    if (!tooLarge) this.#host.fault({ kind: "handler", remote: this.remote, method, error })
    this.#link.error(id, new RpcError(tooLarge ? "resource_exhausted" : "internal", message))
  }
}

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

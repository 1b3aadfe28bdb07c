import { dial, type Address, type Duplex, type Identity, type TlsMaterial } from "../platform/Transport.ts"
import { FrameFlag, FrameType, protocolError, type FrameReader } from "../protocol/Frame.ts"
import {
  commonVersion,
  hello,
  readServerHello,
  type ServerHello as HelloBody,
  streamsFeature,
} from "../protocol/Handshake.ts"
import { callLimits, type Limits } from "../protocol/Limits.ts"
import { readBody, readError, readGoAway } from "../protocol/Messages.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { CallStream, type StreamOptions, type StreamOwner } from "./CallStream.ts"
import { deadlines, now } from "./Deadlines.ts"
import { Link, type LinkOwner } from "./Link.ts"
import { type CallOptions, type OpenCall, PendingCall } from "./PendingCall.ts"
import { type Arguments, type RequestMap, RequestWriter, unsendable } from "./RequestWriter.ts"
import type { Traffic } from "./ServerFigures.ts"
import { type WaitingCall, WaitingCalls } from "./WaitingCalls.ts"

export { CallStream, type StreamOptions } from "./CallStream.ts"
export type { CallOptions } from "./PendingCall.ts"

export interface OpenOptions {
  readonly to: Address
  readonly tls?: (TlsMaterial & { readonly expectedName?: string }) | undefined
  /** How this side calls itself in HELLO. */
  readonly client: string
  /** Refuse a server that says it is another service. */
  readonly service?: string | undefined
  /** For connecting, TLS and HELLO together. */
  readonly handshakeTimeoutMs?: number
  readonly limits?: Partial<Limits>
}

export interface ServerHello {
  readonly service: string
  readonly worker: { readonly id: number; readonly count: number; readonly pid: number }
  readonly version: number
  /** Methods that may be called twice without harm. */
  readonly idempotent: ReadonlyArray<string>
}

/** `draining`: open calls finish, new ones are refused. */
export type ConnectionState = "open" | "draining" | "closed"

const handshakeMs = ({ handshakeTimeoutMs = 5_000 }: Pick<OpenOptions, "handshakeTimeoutMs">) => handshakeTimeoutMs
const everyId = 0xffffffff

const unavailable = (message: string, executed: "no" | "maybe", cause?: unknown) =>
  new RpcError("unavailable", message, { executed, cause })

/** A connection that did not come about carried no call, whatever ended it. */
const nothingSent = (error: RpcError) =>
  new RpcError(error.code, error.message, { executed: "no", details: error.details, cause: error.cause })

/** The client's end of a muster/1 connection: many calls at once, answered in any order. */
export class RpcConnection implements LinkOwner, StreamOwner {
  readonly remote: string
  readonly peer: Identity | undefined
  readonly pausesSlowPeer = false
  readonly readsToTheEnd = true
  readonly traffic: Traffic = { receivedBytes: 0, sentBytes: 0 }
  greeted = false
  readonly #limits: Limits
  readonly #link: Link
  readonly #requests: RequestWriter
  readonly #pending = new Map<number, OpenCall>()
  readonly #waiting: WaitingCalls
  readonly #listeners = new Set<(state: ConnectionState) => void>()
  #state: ConnectionState = "open"
  #hello: ServerHello | undefined
  #inFlightMax = 0
  #speaksStreams = false
  #lastAnswered = everyId
  #whenGreeted: ((error: RpcError | undefined) => void) | undefined
  #reason: RpcError | undefined

  private constructor(duplex: Duplex, options: Pick<OpenOptions, "client" | "limits">) {
    this.remote = duplex.remote
    this.peer = duplex.peer
    this.#limits = { ...callLimits, ...options.limits }
    this.#waiting = new WaitingCalls(this.#limits.queuedBytes)
    this.#link = new Link(duplex, this.#limits, this)
    this.#requests = new RequestWriter(this.#link)
    this.#link.out.begin(FrameType.hello, 0, 0).value(hello(options.client, this.#limits))
    this.#link.out.commit()
    this.#link.flush()
  }

  /** Rejects with an RpcError: `unavailable` when nobody answers, `failed_precondition` for another service. */
  static async open(options: OpenOptions): Promise<RpcConnection> {
    const until = now() + handshakeMs(options)
    const { tls, to } = options
    const duplex = await dial({ to, tls, timeoutMs: until - now() }).catch((error: unknown) => {
      throw unavailable(error instanceof Error ? error.message : String(error), "no", error)
    })
    return RpcConnection.#greet(duplex, options, until)
  }

  /** The same over a connection of bytes that is open already; closes it when the handshake fails. */
  static over(duplex: Duplex, options: Omit<OpenOptions, "to" | "tls">): Promise<RpcConnection> {
    return RpcConnection.#greet(duplex, options, now() + handshakeMs(options))
  }

  static async #greet(duplex: Duplex, options: Omit<OpenOptions, "to" | "tls">, until: number) {
    const connection = new RpcConnection(duplex, options)
    const failure = await connection.#greeting(handshakeMs(options), until)
    const { service } = options
    const refusal =
      failure ??
      (service !== undefined && connection.hello.service !== service
        ? new RpcError(
            "failed_precondition",
            `Expected the service "${service}", found "${connection.hello.service}"`,
            {
              executed: "no",
            },
          )
        : undefined)
    if (refusal === undefined) return connection
    connection.close()
    throw refusal.executed === "no" ? refusal : nothingSent(refusal)
  }

  get hello(): ServerHello {
    if (this.#hello === undefined) throw unavailable("The server has not said HELLO", "no")
    return this.#hello
  }

  get inFlight(): number {
    return this.#pending.size + this.#waiting.size
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** When anything was last heard of the server, on the clock of `performance.now()`. */
  get heardAt(): number {
    return this.#link.heardAt
  }

  /** Asks the server for a sign of life; it shows in `heardAt`. */
  ping(): void {
    this.#link.ping()
  }

  /** Tells every later change of the state; returns what takes the listener away. */
  onState(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Calls and waits; with as many open calls as the server takes, first for room. Rejects with an RpcError: the
   * server's, or `deadline_exceeded`, `cancelled`, `unavailable` of this side, whose `executed` tells whether the call
   * may have been run.
   */
  call(method: string, args: ReadonlyArray<unknown>, options: CallOptions): Promise<unknown> {
    const refusal = this.#refusal(options.signal)
    if (refusal !== undefined) return Promise.reject(refusal)
    try {
      const waiting = this.isFull ? this.#wait(method, args, options) : undefined
      return waiting?.promise ?? this.#send(method, args, options)
    } catch (error) {
      return Promise.reject(error as RpcError)
    }
  }

  /**
   * Sends a call of its caller's own making, which hears of its end itself and costs nothing beside. Answers why it
   * can't be sent; it does not wait for room, as `call` does.
   */
  begin(call: OpenCall, args: ReadonlyArray<unknown>, options: CallOptions): RpcError | undefined {
    const refusal = this.#refusal(options.signal)
    if (refusal !== undefined) return refusal
    if (this.isFull) return this.#full()
    try {
      this.#launch(call, args, options)
      return undefined
    } catch (error) {
      return error as RpcError
    }
  }

  /** As many calls are open as the server takes: further ones wait. */
  get isFull(): boolean {
    return this.#pending.size >= this.#inFlightMax || this.#waiting.size > 0
  }

  /**
   * Calls for a stream of items; a unary method gives its result as the only one. Its `next` rejects with the errors of
   * `call`. `timeoutMs` bounds the whole of it.
   */
  stream(method: string, args: ReadonlyArray<unknown>, options: StreamOptions): CallStream {
    const stream = new CallStream(this, method, options)
    const refusal = this.#refusal(options.signal) ?? this.#streamRefusal()
    try {
      if (refusal !== undefined) throw refusal
      if (Number.isFinite(options.timeoutMs)) deadlines.add(stream, now() + options.timeoutMs)
      if (this.isFull) this.#waitForStream(stream, args, options)
      else this.#open(stream, args, options)
    } catch (error) {
      stream.over()
      stream.reject(error as RpcError)
    }
    return stream
  }

  /**
   * Calls without an answer: whether it was run is never known. Throws an RpcError, `executed` `no`, when it cannot be
   * sent. It waits for nothing: above the server's limit of calls at once it is lost.
   */
  send(method: string, args: ReadonlyArray<unknown>, meta?: CallOptions["meta"]): void {
    const refusal = this.#refusal()
    if (refusal !== undefined) throw refusal
    this.#requests.oneway(method, args, meta)
  }

  #wait(method: string, args: ReadonlyArray<unknown>, options: CallOptions): WaitingCall {
    try {
      const waiting = this.#waiting.add(method, args, options)
      if (waiting !== undefined) return waiting
    } catch (error) {
      throw unsendable(method, error)
    }
    throw this.#full()
  }

  #waitForStream(stream: CallStream, args: ReadonlyArray<unknown>, options: StreamOptions): void {
    const { meta } = options
    const waiting = this.#wait(stream.method, args, { meta, timeoutMs: Infinity })
    waiting.stream = stream
    waiting.promise.catch((error: RpcError) => stream.reject(error))
  }

  #send(method: string, args: Arguments, options: CallOptions): Promise<unknown> {
    const call = new PendingCall(this, method, options)
    try {
      this.#launch(call, args, options)
    } catch (error) {
      call.over()
      throw error
    }
    return call.promise
  }

  #launch(call: OpenCall, args: Arguments, { meta, timeoutMs }: CallOptions): void {
    const isBounded = Number.isFinite(timeoutMs)
    const id = this.#request(0, call.method, args, { meta, timeoutMs: isBounded ? timeoutMs : Infinity })
    call.id = id
    this.#pending.set(id, call)
    if (isBounded) deadlines.add(call, now() + timeoutMs)
  }

  #open(stream: CallStream, args: Arguments, options: StreamOptions): void {
    const timeoutMs = stream.slot < 0 ? Infinity : stream.dueAt - now()
    const map = { meta: options.meta, timeoutMs, credit: stream.window }
    stream.id = this.#request(FrameFlag.answersStream, stream.method, args, map)
    this.#pending.set(stream.id, stream)
  }

  #request(flags: number, method: string, args: Arguments, map: RequestMap): number {
    const id = this.#requests.request(flags, method, args, map)
    if (this.#requests.isUsedUp) this.#change("draining")
    return id
  }

  /** Ends now. Calls that are open fail with `unavailable`. */
  close(): void {
    if (this.#state === "closed") return
    this.#reason ??= unavailable("The connection was closed by this side", "maybe")
    this.#link.part(0)
    this.#end()
  }

  granted(id: number, credit: number): void {
    if (this.#link.open) this.#requests.credit(id, credit)
  }

  abandoned(id: number): void {
    this.#pending.delete(id)
    if (this.#link.open && id <= this.#lastAnswered) this.#requests.cancel(id)
    this.#sendWaiting()
    this.#leaveWhenIdle()
  }

  frame(reader: FrameReader): void {
    switch (reader.type) {
      case FrameType.response:
        return this.#response(reader)
      case FrameType.error:
        return reader.id === 0 ? this.#refused(readError(reader)) : this.#error(reader)
      case FrameType.hello:
        return this.#greeted(readServerHello(readBody(reader)))
      case FrameType.goaway:
        return this.#goAway(reader)
      case FrameType.item:
        return this.#item(reader)
      case FrameType.end:
        return this.#ended(reader)
      case FrameType.credit:
        // For items of ours: none are ever sent.
        return
      default:
        throw protocolError(`A server sends no frame of type ${reader.type}`)
    }
  }

  drained(): void {
    // Calls are refused while too much waits; nobody waits for room in the outbox.
  }

  swept(): void {
    // A client's connection is its pool's to close.
  }

  failed(error: RpcError): void {
    this.#reason ??= unavailable(error.message, "maybe", error)
    this.#end()
  }

  closed(error: Error | undefined): void {
    this.#reason ??= unavailable(`The connection to ${this.remote} was lost`, "maybe", error)
    this.#end()
  }

  #refusal(signal?: AbortSignal): RpcError | undefined {
    if (this.#state !== "open") return unavailable(`The connection is ${this.#state}`, "no")
    if (!this.#link.open) return unavailable("The connection is closed", "no")
    if (signal?.aborted === true) return new RpcError("cancelled", "Cancelled before it was sent", { executed: "no" })
    return this.#link.out.queuedBytes > this.#limits.queuedBytes ? this.#full() : undefined
  }

  #streamRefusal(): RpcError | undefined {
    if (this.#speaksStreams) return undefined
    return new RpcError("unimplemented", `${this.hello.service} does not speak streams`, { executed: "no" })
  }

  #full(): RpcError {
    const message = `${this.#pending.size} calls are open on this connection, and ${this.#waiting.size} wait`
    return new RpcError("resource_exhausted", message, { executed: "no" })
  }

  #sendWaiting(): void {
    while (this.#state === "open" && this.#pending.size < this.#inFlightMax) {
      const waiting = this.#waiting.take()
      if (waiting === undefined) return
      this.#sendOne(waiting)
    }
  }

  #sendOne(waiting: WaitingCall): void {
    const { head, method, stream } = waiting
    try {
      if (stream === undefined) this.#send(method, head, waiting.remaining).then(waiting.resolve, waiting.reject)
      else if (!stream.isOver) this.#open(stream, head, waiting.options)
    } catch (error) {
      waiting.reject(error as RpcError)
    }
  }

  #greeting(limitMs: number, until: number): Promise<RpcError | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => resolve(unavailable(`${this.remote} said no HELLO within ${Math.round(limitMs)} ms`, "no")),
        Math.max(1, until - now()),
      )
      this.#whenGreeted = (error) => {
        clearTimeout(timer)
        resolve(error)
      }
    })
  }

  #greeted(theirs: HelloBody): void {
    if (this.greeted) throw protocolError("HELLO comes once")
    const version = commonVersion(theirs.versions)
    this.greeted = true
    this.#hello = { service: theirs.service, worker: theirs.worker, version, idempotent: theirs.idempotent }
    this.#speaksStreams = theirs.features.includes(streamsFeature)
    this.#inFlightMax = theirs.limits.inFlight
    this.#link.out.frameLimit = theirs.limits.frame
    this.#whenGreeted?.(undefined)
  }

  #response(reader: FrameReader): void {
    const call = this.#take(reader.id)
    if (call === undefined) return
    try {
      call.resolve(readBody(reader))
    } catch (error) {
      call.reject(new RpcError("internal", `The answer of "${call.method}" is malformed`, { cause: error }))
    }
  }

  #error(reader: FrameReader): void {
    const call = this.#take(reader.id)
    if (call === undefined) return
    try {
      call.reject(readError(reader))
    } catch (error) {
      call.reject(new RpcError("internal", `The answer of "${call.method}" is malformed`, { cause: error }))
    }
  }

  #item(reader: FrameReader): void {
    const stream = this.#pending.get(reader.id)
    if (!(stream instanceof CallStream)) return
    let value: unknown
    try {
      value = readBody(reader)
    } catch {
      return stream.spoil()
    }
    stream.item(value)
  }

  #ended(reader: FrameReader): void {
    const stream = this.#pending.get(reader.id)
    if (!(stream instanceof CallStream)) return
    this.#take(reader.id)
    stream.end()
  }

  /** Undefined: the call was given up, or there never was one of this id. */
  #take(id: number): OpenCall | undefined {
    const call = this.#pending.get(id)
    if (call === undefined) {
      if (id > this.#requests.lastId) throw protocolError(`An answer to a request ${id} that was not sent`)
      return undefined
    }
    this.#pending.delete(id)
    call.over()
    this.#sendWaiting()
    this.#leaveWhenIdle()
    return call
  }

  /** The server ends the whole connection, and says why. */
  #refused(error: RpcError): void {
    this.#reason = new RpcError(error.code, error.message, { executed: "maybe", details: error.details })
    this.#link.part(0)
    this.#end()
  }

  #goAway(reader: FrameReader): void {
    const { last, reason } = readGoAway(reader)
    this.#lastAnswered = last
    this.#change("draining")
    for (const [id, call] of this.#pending) {
      if (id <= last) continue
      this.#pending.delete(id)
      call.over()
      call.reject(unavailable(`Not taken: ${reason}`, "no"))
    }
    this.#leaveWhenIdle()
  }

  #leaveWhenIdle(): void {
    if (this.#state === "draining" && this.#pending.size === 0) this.close()
  }

  #end(): void {
    if (this.#state === "closed") return
    const reason = this.#reason ?? unavailable("The connection was lost", "maybe")
    this.#whenGreeted?.(reason)
    for (const call of this.#pending.values()) {
      call.over()
      const executed = call.id > this.#lastAnswered ? "no" : reason.executed
      call.reject(new RpcError("unavailable", reason.message, { executed, cause: reason }))
    }
    this.#pending.clear()
    this.#change("closed")
  }

  #change(state: ConnectionState): void {
    if (this.#state === state || this.#state === "closed") return
    this.#state = state
    this.#waiting.refuseAll(() => unavailable(`The connection is ${state}`, "no"))
    for (const listener of this.#listeners) listener(state)
  }
}

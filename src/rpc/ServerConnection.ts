import type { Duplex, Identity } from "../platform/Transport.ts"
import { FrameFlag, FrameType, protocolError, type FrameReader } from "../protocol/Frame.ts"
import { commonVersion, readHello, streamsFeature } from "../protocol/Handshake.ts"
import { readBody } from "../protocol/Messages.ts"
import type { RpcError } from "../protocol/RpcError.ts"
import { CallRunner, notRun, type RunnerHost, type RunnerOwner } from "./CallRunner.ts"
import { Link, type LinkOwner } from "./Link.ts"
import type { RunningCall } from "./RunningCall.ts"
import type { Traffic } from "./ServerFigures.ts"

/** What a connection asks of its server. */
export interface ServerHost extends RunnerHost {
  /** The body of the server's HELLO, encoded; another one when it is renamed. */
  hello: Uint8Array
  /** The last call of a connection that is going away was answered. */
  idle(connection: ServerConnection): void
  gone(connection: ServerConnection): void
}

const everyId = 0xffffffff
/** A client that doesn't leave by itself when told is left after this. */
export const leaveMs = 1_000

/** The server's end of one connection. */
export class ServerConnection implements LinkOwner, RunnerOwner {
  readonly pausesSlowPeer = true
  /** Nobody waits for what it would do. */
  readonly readsToTheEnd = false
  greeted = false
  client = ""
  readonly remote: string
  readonly peer: Identity | undefined
  readonly traffic: Traffic
  readonly link: Link
  readonly #host: ServerHost
  readonly #runner: CallRunner
  #speaksStreams = false
  #lastId = 0
  #lastTaken = everyId
  /** Why it takes no more requests. */
  #leaving: string | undefined
  /** When the last call came or was done. */
  #calledAt: number

  constructor(host: ServerHost, duplex: Duplex) {
    this.#host = host
    this.remote = duplex.remote
    this.peer = duplex.peer
    this.traffic = host.counts
    this.#runner = new CallRunner(host, this)
    this.link = new Link(duplex, host.limits, this)
    this.#calledAt = this.link.arrivedAt
  }

  /** Calls whose handler has not settled, answered or not. */
  get running(): ReadonlySet<RunningCall> {
    return this.#runner.running
  }

  frame(reader: FrameReader): void {
    switch (reader.type) {
      case FrameType.request:
        return this.#request(reader)
      case FrameType.cancel:
        return this.#runner.cancel(reader.id)
      case FrameType.oneway:
        return this.#oneway(reader)
      case FrameType.credit:
        return this.#runner.credit(reader)
      case FrameType.item:
        return this.#runner.item(reader.id)
      case FrameType.hello:
        return this.#hello(reader)
      case FrameType.end:
        // Of items that were never taken.
        return
      case FrameType.error:
        if (reader.id === 0) return this.link.part()
        throw protocolError("A client sends no ERROR for a call")
      default:
        throw protocolError(`A client sends no frame of type ${reader.type}`)
    }
  }

  /** Tells why, and ends the connection. */
  refuse(error: RpcError): void {
    this.link.fail(error)
  }

  /**
   * Takes no more requests than have come, those that wait for their turn among them. Who has not said HELLO yet is told
   * when it has, and can go elsewhere.
   */
  goAway(reason: string): void {
    if (!this.link.open || this.#leaving !== undefined) return
    this.#leaving = reason
    if (this.greeted) this.link.whenRead(() => this.#tellLeaving(reason))
  }

  /** Nothing runs, and nothing that came before it was told to leave waits. */
  get isDone(): boolean {
    return this.running.size === 0 && (this.#lastTaken !== everyId || !this.greeted)
  }

  part(): void {
    if (this.greeted || this.#leaving === undefined) this.link.part()
    else this.refuse(notRun("unavailable", this.#leaving))
  }

  /** Ends now, whatever still runs. */
  cut(reason: string): void {
    this.#runner.giveUpAll("unavailable", reason)
    this.link.part(0)
  }

  drained(): void {
    this.#runner.drained()
  }

  swept(time: number): void {
    this.#host.pace.sample(time)
    const { idleMs } = this.#host.limits
    if (idleMs === 0 || this.running.size > 0) return
    const quietMs = time - this.#calledAt
    // First it is told, so that what it sends at this moment is sent elsewhere; then it is left.
    if (quietMs > idleMs + leaveMs && this.#leaving !== undefined) this.link.part()
    else if (quietMs > idleMs && this.greeted) this.goAway(`No call for ${idleMs} ms`)
  }

  settled(): void {
    this.#calledAt = this.link.clock
    if (this.isDone) this.#host.idle(this)
  }

  failed(error: RpcError): void {
    this.#host.fault({ kind: "protocol", remote: this.remote, error })
  }

  closed(): void {
    this.#runner.closed()
    this.#host.gone(this)
  }

  #tellLeaving(reason: string): void {
    if (!this.link.open) return
    this.#lastTaken = this.#lastId
    this.link.out.begin(FrameType.goaway, 0, 0).value({ last: this.#lastTaken, reason, holdOffMs: 0 })
    this.link.out.commit()
    this.link.flush()
    if (this.running.size === 0) this.#host.idle(this)
  }

  #hello(reader: FrameReader): void {
    if (this.greeted) throw protocolError("HELLO comes once")
    const theirs = readHello(readBody(reader))
    commonVersion(theirs.versions)
    this.greeted = true
    this.client = theirs.who
    this.#speaksStreams = theirs.features.includes(streamsFeature)
    const { out } = this.link
    out.frameLimit = theirs.limits.frame
    out.begin(FrameType.hello, 0, 0).raw(this.#host.hello)
    out.commit()
    if (this.#leaving !== undefined) this.#tellLeaving(this.#leaving)
  }

  #request(reader: FrameReader): void {
    const { flags, id } = reader
    if (id <= this.#lastId) throw protocolError(`The request's id ${id} is not above the last, ${this.#lastId}`)
    this.#lastId = id
    this.#calledAt = this.link.arrivedAt
    this.#host.counts.requests++
    const refusal = this.#refusal(id, flags)
    if (refusal !== undefined) return this.#runner.refuse(id, refusal)
    this.#runner.request(reader, (flags & FrameFlag.answersStream) !== 0)
  }

  #refusal(id: number, flags: number): RpcError | undefined {
    if (id > this.#lastTaken) return notRun("unavailable", "The server takes no more calls on this connection")
    if ((flags & FrameFlag.sendsStream) !== 0)
      return notRun("unimplemented", "Streams of the caller are not taken here")
    if ((flags & FrameFlag.answersStream) !== 0 && !this.#speaksStreams)
      return notRun("unimplemented", "HELLO did not name the feature streams")
    return undefined
  }

  #oneway(reader: FrameReader): void {
    this.#calledAt = this.link.arrivedAt
    this.#host.counts.requests++
    if (this.#lastTaken === everyId) this.#runner.request(reader, false)
  }
}

import type { Duplex } from "../platform/Transport.ts"
import { FrameReader, FrameType, protocolError } from "../protocol/Frame.ts"
import { leastLimits, type Limits } from "../protocol/Limits.ts"
import { RpcError } from "../protocol/RpcError.ts"
import { now } from "./Deadlines.ts"
import { Outbox } from "./Outbox.ts"
import type { Traffic } from "./ServerFigures.ts"
import { beginSweep, endSweep, restMs, stir, type Swept } from "./Sweep.ts"
import { type Turned, type TurnEnd, turns } from "./Turns.ts"

/** What the server's and the client's end do differently. */
export interface LinkOwner {
  /** A frame other than PING and PONG. An RpcError thrown here is told to the peer and ends the connection. */
  frame(reader: FrameReader): void
  /** A peer that doesn't take what is written has its own frames left unread. */
  readonly pausesSlowPeer: boolean
  /** What had come when the connection was lost is read first: the answers that wait for their turn are answers. */
  readonly readsToTheEnd: boolean
  /** The peer takes what is written again. */
  drained(): void
  /** A quarter of a second is over. */
  swept(time: number): void
  /** The peer's HELLO has been read. */
  readonly greeted: boolean
  /** This side ends the connection because the peer did something wrong or nothing at all. */
  failed(error: RpcError): void
  /** Once, and last. */
  closed(error: Error | undefined): void
}

const failLingerMs = 1_000
const messageChars = 4096
const bytesPerSecondLeast = 64 * 1024
/** Bytes that are read ahead of their turn on one connection. */
const aheadBytes = 256 * 1024
/** With more waiting than it may keep, a peer that takes nothing for so long is sent away. */
const overfullMs = 1_000
const nothing = new Uint8Array(0)

interface Chunk {
  readonly bytes: Uint8Array
  readonly arrivedAt: number
  /** To be done after what came before it. */
  readonly afterwards?: () => void
}

/** What both ends of a connection share: frames in and out, back-pressure, signs of life, and how to part. */
export class Link implements Swept, Turned {
  readonly duplex: Duplex
  readonly out: Outbox
  /** When the chunk that is being read arrived. */
  arrivedAt: number
  /** The time as last looked at while a chunk is read: at its arrival, and after each handler. */
  clock: number
  readonly #traffic: Traffic
  readonly #limits: Limits
  readonly #owner: LinkOwner
  readonly #reader: FrameReader
  #state: "open" | "parting" | "closed" = "open"
  #reading = false
  // Set while the peer doesn't take answers: its further requests stay unread.
  #stalled = false
  /** Set by a frame's handling: what it began has its own first turn before the next frame. */
  hasBegun = false
  // In line for a turn, or having it.
  #inLine = false
  #waiting: Array<Chunk> = []
  #waitingBytes = 0
  #isPaused = false
  /** The connection was lost, and what had come before is being read. */
  #isLost = false
  #openedAt: number
  #heardAt: number
  #frameBegunAt = 0
  #blockedAt = 0
  #pinged = false
  /** Its HELLO was not there in time when this was last looked at. */
  #isLate = false
  #partUntil = 0

  constructor(duplex: Duplex, limits: Limits, owner: LinkOwner & { readonly traffic: Traffic }) {
    this.duplex = duplex
    this.#traffic = owner.traffic
    this.#limits = limits
    this.#owner = owner
    this.#reader = new FrameReader(limits.frameBytes)
    this.out = new Outbox(duplex, { frameLimit: leastLimits.frameBytes, traffic: owner.traffic }, () => this.#blocked())
    this.clock = this.arrivedAt = this.#openedAt = this.#heardAt = now()
    beginSweep(this)
    duplex.handle({
      data: (chunk) => this.#data(chunk),
      drain: () => this.#drain(),
      close: (error) => this.#lost(error),
    })
  }

  get open(): boolean {
    return this.#state === "open" && !this.#isLost
  }

  /** When the last bytes of the peer arrived. */
  get heardAt(): number {
    return this.#heardAt
  }

  /** What came before this connection was made. */
  take(chunk: Uint8Array): void {
    this.#data(chunk)
  }

  /** Does it when all that has come by now is read: at once, when nothing waits. */
  whenRead(afterwards: () => void): void {
    if (this.#inLine) this.#waiting.push({ bytes: nothing, arrivedAt: now(), afterwards })
    else afterwards()
  }

  /** Asks for a sign of life, unless one is awaited already. */
  ping(): void {
    if (this.#state !== "open" || this.#pinged || !this.#owner.greeted) return
    this.#pinged = true
    this.out.bare(FrameType.ping, 0, 0)
    this.flush()
  }

  /** Sends what was written; inside a frame's handling that waits for the end of the chunk. */
  flush(): void {
    if (!this.#reading) this.out.flushSoon()
  }

  /** Sends after the other callbacks of this turn of the event loop: for items, of which more are on their way. */
  flushLater(): void {
    if (!this.#reading) this.out.flushLater()
  }

  /** Tells the peer why, and ends the connection. */
  fail(error: RpcError): void {
    if (this.#state !== "open") return
    this.error(0, error)
    this.#owner.failed(error)
    this.part(failLingerMs)
  }

  /** One ERROR frame. Details that have no form in muster/1 are left out. */
  error(id: number, error: RpcError): void {
    const message = error.message.slice(0, messageChars).toWellFormed()
    try {
      this.out.begin(FrameType.error, 0, id).value([error.code, message, error.executed, error.details])
      this.out.commit()
    } catch {
      this.out.rollback()
      this.out.begin(FrameType.error, 0, id).value([error.code, message, error.executed, null])
      this.out.commit()
    }
  }

  /**
   * Ends after what was written has left. What still comes is thrown away unread for a moment: closing a socket with
   * unread bytes would reset it and take the last frames along.
   */
  part(lingerMs: number = this.#limits.slowReaderMs): void {
    const until = now() + lingerMs
    if (this.#state === "parting") this.#partUntil = Math.min(this.#partUntil, until)
    if (this.#state !== "open") return
    this.#state = "parting"
    this.#partUntil = until
    this.#forget()
    this.out.flushAll()
    this.duplex.end()
    this.duplex.resume()
  }

  sweep(time: number, pausedMs: number): boolean {
    if (pausedMs > 0) this.#forgive(pausedMs)
    if (this.#state === "parting") {
      if (time > this.#partUntil) this.duplex.destroy()
      return true
    }
    const fault = this.#overdue(time)
    if (fault !== undefined) {
      this.fail(fault)
      return true
    }
    if (time - this.#heardAt > this.#limits.pingMs && !this.#isHeld) this.ping()
    this.#owner.swept(time)
    return this.#awaits
  }

  /** Something of its peer that has a time, or will have one before who rests looks twice. */
  get #awaits(): boolean {
    if (this.#limits.pingMs < 2 * restMs) return true
    return !this.#owner.greeted || this.#pinged || this.#isHeld || this.out.blocked || this.#reader.held > 0
  }

  /** What the peer sends stays unread, or waits: its silence means nothing. */
  get #isHeld(): boolean {
    return this.#stalled || this.#inLine
  }

  #overdue(time: number): RpcError | undefined {
    const limits = this.#limits
    if (!this.#owner.greeted && time - this.#openedAt > limits.helloMs) {
      // A busy process may not have read what is there: until it is looked at again, it has.
      if (this.#isLate) return protocolError(`No HELLO within ${limits.helloMs} ms`, "deadline_exceeded")
      this.#isLate = true
    }
    if (this.out.blocked && time - this.#blockedAt > limits.slowReaderMs)
      return protocolError(`Nothing was read for ${limits.slowReaderMs} ms`, "resource_exhausted")
    if (this.#owner.pausesSlowPeer && this.out.queuedBytes > limits.queuedBytes && time - this.#blockedAt > overfullMs)
      return protocolError(`More than ${limits.queuedBytes} bytes of answers wait to be read`, "resource_exhausted")
    if (this.#isHeld) return undefined
    const held = this.#reader.held
    const allowedMs = limits.progressMs + Math.floor(held / bytesPerSecondLeast) * 1000
    if (held > 0 && time - this.#frameBegunAt > allowedMs)
      return protocolError(`The frame was not complete within ${allowedMs} ms`, "deadline_exceeded")
    if (time - this.#heardAt > limits.silenceMs)
      return protocolError(`Nothing was heard for ${limits.silenceMs} ms`, "unavailable")
    return undefined
  }

  #forgive(pausedMs: number): void {
    this.#openedAt += pausedMs
    this.#heardAt += pausedMs
    this.#frameBegunAt += pausedMs
    this.#blockedAt += pausedMs
  }

  #data(bytes: Uint8Array): void {
    if (this.#state !== "open") return
    const time = (this.#heardAt = now())
    this.#pinged = false
    stir()
    this.#traffic.receivedBytes += bytes.length
    if (this.#stalled || this.#inLine) return this.#keep(bytes, time)
    this.arrivedAt = time
    this.#reader.push(bytes)
    // Not after the work of others: it costs nothing, and its time is short.
    if (!this.#owner.greeted) this.#greet(time)
    if (this.#state === "open") this.#askTurn(time)
  }

  #greet(time: number): void {
    this.clock = time
    this.#reading = true
    try {
      if (this.#reader.next()) this.#frame()
    } catch (error) {
      this.#broken(error)
    }
    this.#reading = false
    if (this.#state === "open") this.out.flush()
  }

  #broken(error: unknown): void {
    this.fail(error instanceof RpcError ? error : new RpcError("internal", "The connection failed", { cause: error }))
  }

  #keep(bytes: Uint8Array, arrivedAt: number): void {
    this.#waiting.push({ bytes, arrivedAt })
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes > aheadBytes) this.#pause()
  }

  #pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.duplex.pause()
  }

  #forget(): void {
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #askTurn(time: number): void {
    if (this.#inLine) return
    this.#inLine = true
    turns.enter(this, time)
  }

  #blocked(): void {
    this.#blockedAt = now()
    if (this.#stalled || !this.#owner.pausesSlowPeer) return
    this.#stalled = true
    this.#pause()
  }

  #drain(): void {
    if (this.#state !== "open") return
    this.out.drained()
    if (this.out.blocked) return
    this.#owner.drained()
    if (!this.#stalled || this.out.blocked) return
    // Takes up the frames that waited for the peer to read.
    this.#stalled = false
    this.#heardAt = now()
    this.#askTurn(this.#heardAt)
  }

  takeTurn(time: number): TurnEnd {
    this.clock = time
    this.#reading = true
    let end = this.#read()
    while (end === "done" && this.#canRead && this.#waiting.length > 0) {
      const { afterwards, arrivedAt, bytes } = this.#waiting.shift() as Chunk
      this.#waitingBytes -= bytes.length
      this.arrivedAt = arrivedAt
      afterwards?.()
      if (bytes.length > 0) this.#reader.push(bytes)
      end = this.#read()
    }
    return this.#canRead ? end : "done"
  }

  turnOver(isDone: boolean): void {
    this.#reading = false
    this.#inLine = !isDone
    if (this.#state === "open") this.out.flush()
    if (!this.#isPaused || this.#stalled || this.#waitingBytes > aheadBytes / 2) return
    this.#isPaused = false
    this.duplex.resume()
  }

  get #canRead(): boolean {
    return this.#state === "open" && !this.#stalled
  }

  #read(): TurnEnd {
    const before = this.#reader.held
    let frames = 0
    let end: TurnEnd = "done"
    try {
      while (this.#canRead && end === "done" && this.#reader.next()) {
        frames++
        this.hasBegun = false
        this.#frame()
        if (this.clock >= turns.until) end = "timeUp"
        else if (this.hasBegun) end = "later"
      }
    } catch (error) {
      this.#broken(error)
    }
    if (this.#reader.held > 0 && (before === 0 || frames > 0)) this.#frameBegunAt = this.arrivedAt
    return end
  }

  #frame(): void {
    const reader = this.#reader
    if (!this.#owner.greeted && reader.type !== FrameType.hello && reader.type !== FrameType.error)
      throw protocolError("The first frame is not HELLO")
    switch (reader.type) {
      case FrameType.ping:
        return this.out.bare(FrameType.pong, 0, reader.id)
      case FrameType.pong:
        return
      default:
        this.#owner.frame(reader)
    }
  }

  #lost(error: Error | undefined): void {
    const isRead = !this.#inLine || this.#stalled || this.#state !== "open"
    if (isRead || !this.#owner.readsToTheEnd) return this.#closed(error)
    this.#isLost = true
    endSweep(this)
    this.whenRead(() => this.#closed(error))
  }

  #closed(error: Error | undefined): void {
    if (this.#state === "closed") return
    this.#state = "closed"
    endSweep(this)
    this.out.discard()
    this.#forget()
    this.#owner.closed(error)
  }
}

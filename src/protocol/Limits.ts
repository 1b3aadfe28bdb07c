/** What one side of a connection accepts and how long it waits. Bytes and milliseconds. */
export interface Limits {
  /** Largest frame taken from the peer: the value of its length field. Announced in HELLO. */
  readonly frameBytes: number
  /** Requests the peer may have open at once on one connection. Announced in HELLO. */
  readonly inFlight: number
  /** Connections of one server; further ones are refused. */
  readonly connections: number
  /** Requests that run at once on all connections of one server. */
  readonly inFlightTotal: number
  /** A connection without a call for so long is closed; 0: never. */
  readonly idleMs: number
  /** The peer's HELLO is complete within this time. */
  readonly helloMs: number
  /** A frame that has begun is complete within this time. */
  readonly progressMs: number
  /** After this silence a PING is sent. */
  readonly pingMs: number
  /** After this silence the peer is taken for dead. */
  readonly silenceMs: number
  /** Answers may wait this long for a peer that doesn't read. */
  readonly slowReaderMs: number
  /** Bytes of answers that may wait for a peer that doesn't read. */
  readonly queuedBytes: number
}

export const callLimits: Limits = {
  frameBytes: 2 * 1024 * 1024,
  inFlight: 1024,
  connections: 10_000,
  inFlightTotal: 10_000,
  idleMs: 0,
  helloMs: 3_000,
  progressMs: 10_000,
  pingMs: 20_000,
  silenceMs: 60_000,
  slowReaderMs: 10_000,
  queuedBytes: 8 * 1024 * 1024,
}

/** The control plane carries whole lists and statuses, and a host that vanished without a word is named within 10 s. */
export const controlLimits: Limits = {
  ...callLimits,
  frameBytes: 16 * 1024 * 1024,
  queuedBytes: 64 * 1024 * 1024,
  pingMs: 2_000,
  silenceMs: 7_000,
}

/** Nobody announces less in HELLO, so a client keeps to these until it has read the server's. */
export const leastLimits = { frameBytes: 64 * 1024, inFlight: 16 } as const

/** The same for everybody: part of the protocol, not agreed. */
export const valueLimits = { depth: 64, items: 100_000 } as const

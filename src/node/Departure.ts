import { Context, Option, Schema } from "effect"

/** What one program leaves open for the next in the same process, by the numbers of the descriptors. */
const HandedOn = Schema.Struct({
  /** Of the data folder. */
  lock: Schema.Int,
  /** Of the worker slots, each set's in the kernel's order. */
  sockets: Schema.Array(Schema.Struct({ set: Schema.String, slot: Schema.Int, fd: Schema.Int })),
})
export type HandedSocket = (typeof HandedOn.Type)["sockets"][number]

const decode = Schema.decodeUnknownOption(HandedOn)

/** How an agent ends, and how it came here. */
export class Departure {
  /** `leave`: what it has started goes on. `upgrade`: that too, and another program takes over in this process. */
  how: "stop" | "leave" | "upgrade" = "stop"
  /** What was left open for this agent. */
  readonly found: typeof HandedOn.Type | undefined
  readonly #unclaimed: Set<HandedSocket>
  /** What is to be left open for the next. */
  lock: number | undefined
  readonly sockets: Array<HandedSocket> = []

  /** `handedOn`: what the program before this one in the same process has left; undefined: there was none. */
  constructor(handedOn?: unknown) {
    this.found = Option.getOrUndefined(decode(handedOn))
    this.#unclaimed = new Set(this.found?.sockets)
  }

  /** The sockets of a set that were left open; they are the caller's now. */
  claim(set: string): ReadonlyArray<HandedSocket> {
    const claimed = [...this.#unclaimed].filter((socket) => socket.set === set)
    for (const socket of claimed) this.#unclaimed.delete(socket)
    return claimed
  }

  /** Those that nobody has claimed; they are the caller's now. */
  claimRest(): ReadonlyArray<HandedSocket> {
    const rest = [...this.#unclaimed]
    this.#unclaimed.clear()
    return rest
  }

  /** For the next program: descriptors, and what they are. */
  get handsOn() {
    const { lock, sockets } = this
    const fds = [...(lock === undefined ? [] : [lock]), ...sockets.map(({ fd }) => fd)]
    return { fds, state: { lock, sockets } }
  }
}

/** The departure of the agent that runs here. */
export const CurrentDeparture = Context.Reference<Departure>("muster/node/Departure", {
  defaultValue: () => new Departure(),
})

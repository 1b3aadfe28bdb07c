import { Effect, Semaphore } from "effect"
import { type Listen, SlotSockets } from "./SlotSockets.ts"

/** One socket of the group. */
export type Member = { readonly slot: number; readonly fd: number }

/** The kernel's order of a SO_REUSEPORT group after a socket closes: the last one moves into the hole. */
export const without = <A>(order: ReadonlyArray<A>, place: number): ReadonlyArray<A> => {
  const rest = order.slice(0, -1)
  const last = order.at(-1)
  return last === undefined || place >= rest.length ? rest : rest.with(place, last)
}

/**
 * The places that the program may name while a socket is being closed: those that mean the same serving slot before
 * and after.
 */
export const placesDuringClose = (
  order: ReadonlyArray<number>,
  place: number,
  serving: ReadonlySet<number>,
): ReadonlyArray<number> => {
  const after = without(order, place)
  return [...after.keys()].filter((at) => order[at] === after[at] && serving.has(after[at] ?? -1))
}

/** Sockets of an agent before this one. */
export type AdoptedSockets = {
  /** In the kernel's order: that of their listening, as far as it is known. */
  readonly members: ReadonlyArray<Member>
  readonly isOrderKnown: boolean
  /** Processes of ours listen there with sockets of which we have no copy. */
  readonly isShared: boolean
}

export const noSockets: AdoptedSockets = { members: [], isOrderKnown: true, isShared: false }

/**
 * The listening sockets of one port. New connections are steered to the slots that serve, so that none waits in the
 * queue of a slot whose worker is being replaced; what is in that queue already waits for the replacement. Where their
 * order is not known they can't be steered, and whoever comes to such a queue waits. `changed` is run with all of them.
 */
export const makeSocketGroup = Effect.fnUntraced(function* (
  listen: Listen,
  backlog: () => number,
  adopted: AdoptedSockets = noSockets,
  changed: (members: ReadonlyArray<Member>) => Effect.Effect<void> = () => Effect.void,
) {
  const sockets = yield* SlotSockets
  // The set's own fiber and those of its slots come here.
  const oneAtATime = yield* Semaphore.make(1)
  let order = adopted.members
  let { isOrderKnown, isShared } = adopted

  const change = (members: ReadonlyArray<Member>) =>
    Effect.suspend(() => {
      order = members
      if (members.length === 0) isOrderKnown = true
      return changed(members)
    })

  const steerTo = Effect.fnUntraced(function* (places: ReadonlyArray<number>) {
    const [first] = order
    if (first === undefined) return
    const all = !isOrderKnown || places.length === 0 || places.length === order.length
    yield* sockets.steer(first.fd, all ? undefined : places)
  })

  const openOne = Effect.fnUntraced(function* (slot: number) {
    const known = order.find((member) => member.slot === slot)
    if (known !== undefined) return known.fd
    if (order.length === 0 && !isShared) yield* sockets.assertFree(listen)
    // What was there of others of ours when this group began ends with them.
    isShared = false
    const fd = yield* sockets.open(listen, backlog())
    yield* change([...order, { slot, fd }])
    return fd
  })

  const closeOne = Effect.fnUntraced(function* (slot: number, serving: ReadonlySet<number>) {
    const place = order.findIndex((member) => member.slot === slot)
    const member = order[place]
    if (member === undefined) return
    const slots = order.map((one) => one.slot)
    const others = new Set([...serving].filter((one) => one !== slot))
    if (others.size > 0) yield* steerTo(placesDuringClose(slots, place, others))
    yield* sockets.close(member.fd)
    yield* change(without(order, place))
    if (others.size > 0) {
      yield* steerTo([...order.keys()].filter((at) => others.has(order[at]?.slot ?? -1)))
    }
  })

  return {
    /** The slot's socket, the one it has or a new one. */
    open: (slot: number) => oneAtATime.withPermit(openOne(slot)),
    /** The slots that serve have changed. */
    serve: (serving: ReadonlySet<number>) =>
      oneAtATime.withPermit(
        Effect.suspend(() => steerTo([...order.keys()].filter((at) => serving.has(order[at]?.slot ?? -1)))),
      ),
    /** To be done again after each start: the runtime of a worker gives its socket the backlog that it likes. */
    resize: oneAtATime.withPermit(
      Effect.suspend(() => Effect.forEach(order, ({ fd }) => sockets.setBacklog(fd, backlog()), { discard: true })),
    ),
    close: (slot: number, serving: ReadonlySet<number>) => oneAtATime.withPermit(closeOne(slot, serving)),
    /** While `idle` holds, callers are refused at once instead of waiting in queues that nobody empties. */
    closeAllWhile: (idle: () => boolean) =>
      oneAtATime.withPermit(
        Effect.suspend(() => {
          if (!idle()) return Effect.void
          const all = order
          return Effect.forEach(all, ({ fd }) => sockets.close(fd), { discard: true }).pipe(
            Effect.andThen(all.length === 0 ? Effect.void : change([])),
          )
        }),
      ),
  }
})

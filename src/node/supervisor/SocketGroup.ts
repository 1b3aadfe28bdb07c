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

/**
 * The listening sockets of one port. New connections are steered to the slots that serve, so that none waits in the
 * queue of a slot whose worker is being replaced; what is in that queue already waits for the replacement. `adopted`:
 * sockets of an agent before this one, in the order of their listening.
 */
export const makeSocketGroup = Effect.fnUntraced(function* (
  listen: Listen,
  backlog: () => number,
  adopted: ReadonlyArray<Member> = [],
) {
  const sockets = yield* SlotSockets
  // The set's own fiber and those of its slots come here.
  const oneAtATime = yield* Semaphore.make(1)
  let order = adopted

  const steerTo = Effect.fnUntraced(function* (places: ReadonlyArray<number>) {
    const [first] = order
    if (first === undefined) return
    const all = places.length === 0 || places.length === order.length
    yield* sockets.steer(first.fd, all ? undefined : places)
  })

  const openOne = Effect.fnUntraced(function* (slot: number) {
    const known = order.find((member) => member.slot === slot)
    if (known !== undefined) return known.fd
    if (order.length === 0) yield* sockets.assertFree(listen)
    const fd = yield* sockets.open(listen, backlog())
    order = [...order, { slot, fd }]
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
    order = without(order, place)
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
          order = []
          return Effect.forEach(all, ({ fd }) => sockets.close(fd), { discard: true })
        }),
      ),
  }
})

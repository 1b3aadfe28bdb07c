import { Context, Data, Effect, Layer } from "effect"
import { endpointKey } from "../../domain/Endpoint.ts"
import {
  assertPortFree,
  closeFd,
  isSlot,
  ListenFailed,
  openSlot,
  setBacklog,
  steer,
  takeSlot,
} from "../../platform/ListenSocket.ts"
import type { ProcessIdentity } from "../../platform/ProcessTable.ts"
import { resolveAddress } from "../../platform/ResolveAddress.ts"

/** The port can't be listened on now. The message says why, and who has it. */
export class PortUnavailable extends Data.TaggedError("PortUnavailable")<{
  readonly code: string
  readonly message: string
}> {}

export type Listen = { readonly ip: string; readonly port: number }

const usedTwice = (listen: Listen) =>
  `${endpointKey(listen)} is in use by another service of this node: give one of the two another port`

/** The listening sockets that the agent owns: one for each worker slot, all on the service's one port. */
export class SlotSockets extends Context.Service<
  SlotSockets,
  {
    /** Fails when anybody listens there. Asked before the first socket of a port is opened. */
    readonly assertFree: (listen: Listen) => Effect.Effect<void, PortUnavailable>
    /** `backlog`: connections that may wait to be accepted. */
    readonly open: (listen: Listen, backlog: number) => Effect.Effect<number, PortUnavailable>
    readonly setBacklog: (fd: number, backlog: number) => Effect.Effect<void>
    readonly close: (fd: number) => Effect.Effect<void>
    /** A copy of the socket with which a process of an agent before this one listens there, if it can be had. */
    readonly take: (process: ProcessIdentity, listen: Listen) => Effect.Effect<number | undefined>
    /** Whether a descriptor that was handed on to this program is a socket of that port. */
    readonly isAt: (fd: number, listen: Listen) => Effect.Effect<boolean>
    /** New connections go only to these places of the port's sockets; undefined: to all. */
    readonly steer: (fd: number, places: ReadonlyArray<number> | undefined) => Effect.Effect<void>
  }
>()("muster/node/supervisor/SlotSockets") {
  static readonly layer = Layer.sync(SlotSockets, () => {
    /** Where each socket that we hold listens. */
    const held = new Map<number, string>()
    const hold = (listen: Listen) => (fd: number | undefined) =>
      Effect.sync(() => void (fd === undefined || held.set(fd, endpointKey(listen))))
    const attempt = <A>(listen: Listen, act: (listen: Listen) => Promise<A>) =>
      Effect.tryPromise({
        try: async () => act({ ip: await resolveAddress(listen.ip), port: listen.port }),
        catch: (cause) =>
          new PortUnavailable({
            code: cause instanceof ListenFailed ? cause.code : "UNKNOWN",
            message: cause instanceof Error ? cause.message : String(cause),
          }),
      })
    const orElse = <A>(listen: Listen, act: (listen: Listen) => Promise<A>, otherwise: A) =>
      attempt(listen, act).pipe(Effect.orElseSucceed(() => otherwise))
    return SlotSockets.of({
      take: (process, listen) =>
        orElse(listen, (resolved) => takeSlot(process, resolved), undefined).pipe(Effect.tap(hold(listen))),
      isAt: (fd, listen) =>
        orElse(listen, (resolved) => isSlot(fd, resolved), false).pipe(
          Effect.tap((isOurs) => hold(listen)(isOurs ? fd : undefined)),
        ),
      assertFree: (listen) =>
        attempt(listen, assertPortFree).pipe(
          Effect.mapError((error) =>
            error.code === "EADDRINUSE" && [...held.values()].includes(endpointKey(listen))
              ? new PortUnavailable({ code: error.code, message: usedTwice(listen) })
              : error,
          ),
        ),
      open: (listen, backlog) =>
        attempt(listen, (resolved) => openSlot({ ...resolved, backlog })).pipe(Effect.tap(hold(listen))),
      setBacklog: (fd, backlog) => Effect.promise(() => setBacklog(fd, backlog)),
      close: (fd) =>
        Effect.promise(() => {
          held.delete(fd)
          return closeFd(fd)
        }),
      steer: (fd, places) => Effect.promise(() => steer(fd, places)),
    })
  })
}

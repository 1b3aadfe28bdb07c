import { Context, Effect, Layer } from "effect"
import { Changes } from "./Changes.ts"
import { Desired } from "./Desired.ts"
import { Sessions } from "./Sessions.ts"

/** What follows every command that changed a service: others read it anew, its nodes compare, its pages are told. */
export class Aftermath extends Context.Service<
  Aftermath,
  {
    /** `ips`: addresses of nodes that may have to have or to run something else now. */
    readonly of: (serviceId: string, ips: ReadonlyArray<string>) => Effect.Effect<void>
    /** The same when it is no more than how or where it is to run. */
    readonly ofSpec: (serviceId: string, ips: ReadonlyArray<string>) => Effect.Effect<void>
  }
>()("muster/manager/fleet/Aftermath") {
  static readonly layer = Layer.effect(
    Aftermath,
    Effect.gen(function* () {
      const changes = yield* Changes
      const desired = yield* Desired
      const sessions = yield* Sessions
      const after = (forget: Effect.Effect<void>) =>
        Effect.fnUntraced(function* (serviceId: string, ips: ReadonlyArray<string>) {
          yield* forget
          yield* sessions.wake(new Set(ips))
          yield* changes.publish("services")
          yield* changes.publish(`service:${serviceId}`)
        })
      return Aftermath.of({ of: after(desired.changed), ofSpec: after(desired.specsChanged) })
    }),
  )
}

import { Clock, Context, Effect, Layer } from "effect"
import type { NodeNotice } from "../protocol/NodeManager.ts"
import { NodeChanges } from "./NodeChanges.ts"

/** What a person should see of this node, as long as it is so. One for each code and subject. */
export class Notices extends Context.Service<
  Notices,
  {
    /** Also says it in the log, once. */
    readonly raise: (code: string, subject: string, message: string) => Effect.Effect<void>
    readonly clear: (code: string, subject: string) => Effect.Effect<void>
    readonly all: Effect.Effect<ReadonlyArray<NodeNotice>>
  }
>()("muster/node/Notices") {
  static readonly layer = Layer.effect(
    Notices,
    Effect.gen(function* () {
      const changes = yield* NodeChanges
      const notices = new Map<string, NodeNotice>()
      const keyOf = (code: string, subject: string) => `${code} ${subject}`

      return Notices.of({
        raise: Effect.fnUntraced(function* (code, subject, message) {
          const key = keyOf(code, subject)
          const known = notices.get(key)
          if (known?.message === message) return
          notices.set(key, { code, subject, message, since: known?.since ?? (yield* Clock.currentTimeMillis) })
          yield* Effect.logWarning(`${subject}: ${message}`)
          yield* changes.announce
        }),
        clear: Effect.fnUntraced(function* (code, subject) {
          if (!notices.delete(keyOf(code, subject))) return
          yield* Effect.logInfo(`${subject}: over: ${code}`)
          yield* changes.announce
        }),
        all: Effect.sync(() => [...notices.values()]),
      })
    }),
  )
}

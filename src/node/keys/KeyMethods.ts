import { Effect, Schema } from "effect"
import { RpcError } from "../../protocol/RpcError.ts"
import { workerMethods } from "../../protocol/WorkerLink.ts"
import { monotonicMs } from "../Monotonic.ts"
import { Key, type WorkerMethod, workerMethod } from "../supervisor/WorkerMethods.ts"
import { WorkerRegistry } from "../supervisor/WorkerRegistry.ts"
import { keyLimits } from "./KeyWindow.ts"

/** Of a caller and its key together. */
const keyMax = 1_024
const hashMax = 256

const text = (maximum: number) =>
  Schema.String.check(
    Schema.isMinLength(1, { message: "must not be empty" }),
    Schema.isMaxLength(maximum, { message: `must have at most ${maximum} characters` }),
  )

const BeginMessage = Schema.Struct({
  ...Key.fields,
  key: text(keyMax),
  request: text(hashMax),
  call: Schema.optionalKey(Schema.Int),
})

const Outcome = Schema.Union([
  Schema.Struct({ ok: Schema.Literal(true), value: Schema.Unknown }),
  Schema.Struct({
    ok: Schema.Literal(false),
    code: Schema.String,
    message: Schema.String,
    details: Schema.Unknown,
  }),
])
const EndMessage = Schema.Struct({ ...Key.fields, key: text(keyMax), outcome: Outcome })

const full = new RpcError(
  "resource_exhausted",
  `${keyLimits.keys} calls run under idempotency keys already, which is the most of a service on a node`,
  { executed: "no" },
)

/** What workers ask before and tell after a call that was made under an idempotency key, over the agent's socket. */
export const keyMethods = Effect.gen(function* () {
  const method = workerMethod(yield* WorkerRegistry)
  return new Map<string, WorkerMethod>([
    [
      workerMethods.beginKey,
      method(BeginMessage, ({ call, key, pid, request }, { ledger }) =>
        Effect.flatMap(monotonicMs, (now) => {
          const begun = ledger.keys.begin({ pid, call }, key, request, now)
          return begun === undefined ? Effect.fail(full) : Effect.succeed(begun)
        }),
      ),
    ],
    [
      workerMethods.endKey,
      method(EndMessage, ({ key, outcome, pid }, { ledger }) =>
        Effect.map(monotonicMs, (now) => {
          ledger.keys.end(pid, key, outcome, now)
          return null
        }),
      ),
    ],
  ])
})

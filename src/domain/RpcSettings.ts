import { Effect, Schema } from "effect"
import { type RpcNumbers, rpcDefaults, type RpcSettingName, rpcSettingNames, rpcSettings } from "./Setting.ts"

const unitWords = { count: "", bytes: " bytes", ms: " milliseconds" } as const

const number = (name: RpcSettingName) => {
  const { minimum, maximum, unit } = rpcSettings[name]
  const message = `must be a whole number from ${minimum} to ${maximum}${unitWords[unit]}`
  return Schema.Int.check(Schema.isBetween({ minimum, maximum }, { message })).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed(rpcDefaults[name])),
  )
}

type NumberField = ReturnType<typeof number>

const numbers = Object.fromEntries(rpcSettingNames.map((name) => [name, number(name)])) as {
  readonly [Name in RpcSettingName]: NumberField
}

/** A method's name as callers write it, with dots. */
const MethodName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z$][\w$]*(?:\.[A-Za-z$][\w$]*)?$/, { message: "is not a method: function or Class.method" }),
)

const Concurrency = Schema.Int.check(
  Schema.isBetween({ minimum: 1, maximum: 1_000_000 }, { message: "must be a whole number from 1 to 1000000" }),
)

/** How the workers of a service answer calls. What is left out has its default. */
export const RpcSettings = Schema.Struct({
  ...numbers,
  /** Calls of one method that run at once in one worker, for the methods named here. */
  methodConcurrency: Schema.Record(MethodName, Concurrency).pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  /** The predecessor's clients are answered too, on the same port; plain TCP only. */
  legacy: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))),
})

export type RpcSettings = RpcNumbers & {
  readonly methodConcurrency: Readonly<Record<string, number>>
  readonly legacy: boolean
}

export const defaultRpcSettings: RpcSettings = { ...rpcDefaults, methodConcurrency: {}, legacy: false }

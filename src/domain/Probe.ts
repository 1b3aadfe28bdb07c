import { Effect, Schema } from "effect"
import { CommandLine } from "./CommandLine.ts"
import { Address } from "./Endpoint.ts"

const whole = (minimum: number, maximum: number, unit: string, byDefault: number) =>
  Schema.Int.check(
    Schema.isBetween({ minimum, maximum }, { message: `must be a whole number from ${minimum} to ${maximum}${unit}` }),
  ).pipe(Schema.withDecodingDefaultKey(Effect.succeed(byDefault)))

/** 0: the port of the service. */
const ProbePort = whole(0, 65_535, "", 0)
/** Left out: the address of the service, or 127.0.0.1 when it has none. */
const ProbeHost = Schema.optionalKey(Address)

const timing = {
  /** From the end of one to the start of the next. */
  periodMs: whole(100, 3_600_000, " milliseconds", 10_000),
  timeoutMs: whole(10, 600_000, " milliseconds", 1_000),
  /** Successes in a row that make it good, */
  rise: whole(1, 100, "", 1),
  /** and failures in a row that make it bad. */
  fall: whole(1, 100, "", 3),
  /** From the start of the process to the first one. */
  delayMs: whole(0, 3_600_000, " milliseconds", 0),
}

/** A question that is asked of a running process again and again, and what counts as an answer. */
export const Probe = Schema.Union([
  /** Good: it exits with 0. Run as the process's own user, in its folder, with its environment. */
  Schema.Struct({ kind: Schema.Literal("exec"), command: CommandLine, ...timing }),
  /** Good: a status from 200 to 399. */
  Schema.Struct({
    kind: Schema.Literal("http"),
    path: Schema.String.check(Schema.isPattern(/^\/\S*$/, { message: "must be a path that begins with /" })),
    host: ProbeHost,
    port: ProbePort,
    ...timing,
  }),
  /** Good: it accepts a connection. */
  Schema.Struct({ kind: Schema.Literal("tcp"), host: ProbeHost, port: ProbePort, ...timing }),
  /** Good: it answers `ping` with `pong` by muster/1. */
  Schema.Struct({ kind: Schema.Literal("rpc"), port: ProbePort, ...timing }),
])
export type Probe = typeof Probe.Type

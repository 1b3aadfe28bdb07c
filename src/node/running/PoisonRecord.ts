import { Schema } from "effect"
import type { PoisonBook } from "../../domain/Poison.ts"

/** Of calls that have ended workers once, the newest are kept for the next agent. */
const suspectsKept = 1_000

const call = { hash: Schema.String, method: Schema.String, crashes: Schema.Int }

/** Which calls have ended workers of a set. Times are milliseconds since the host's start. */
export const PoisonRecord = Schema.Struct({
  bootId: Schema.String,
  set: Schema.String,
  /** Of which version the workers were. */
  generation: Schema.Int,
  suspects: Schema.Array(Schema.Struct({ ...call, at: Schema.Finite })),
  poison: Schema.Array(Schema.Struct({ ...call, until: Schema.Finite })),
  /** What the workers were started from. */
  assignment: Schema.Unknown,
})
export type PoisonRecord = typeof PoisonRecord.Type

/** `zeroMs`: milliseconds since the host's start when the monotonic clock of this process was 0. */
export const bookOf = ({ poison, suspects }: PoisonRecord, zeroMs: number): PoisonBook => ({
  suspects: new Map(suspects.map(({ at, hash, ...call }) => [hash, { ...call, at: at - zeroMs }])),
  poison: new Map(poison.map(({ hash, until, ...call }) => [hash, { ...call, until: until - zeroMs }])),
})

export const entriesOf = ({ poison, suspects }: PoisonBook, zeroMs: number) => ({
  suspects: Array.from(suspects, ([hash, { at, ...call }]) => ({ hash, ...call, at: at + zeroMs })).slice(
    -suspectsKept,
  ),
  poison: Array.from(poison, ([hash, { until, ...call }]) => ({ hash, ...call, until: until + zeroMs })),
})

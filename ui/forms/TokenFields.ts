import { type Fields, oneOf, text, wholeNumber } from "./Fields.ts"

const hourMs = 3_600_000
const hoursMax = 8760

/** How long a token may live, as the dialog offers it. */
export const tokenHours: ReadonlyArray<number> = [1, 24, 168]

/** What the join dialog sends: `kind` and `hours`; anything odd becomes the careful default, one node and one hour. */
export const readTokenForm = (fields: Fields) => ({
  kind: oneOf(text(fields, "kind"), ["once", "many"], "once"),
  ttlMs: (wholeNumber(text(fields, "hours"), 1, hoursMax) ?? 1) * hourMs,
})

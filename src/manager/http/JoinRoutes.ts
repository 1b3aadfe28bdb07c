import { Clock, Effect } from "effect"
import { Joining } from "../fleet/Joining.ts"
import { json } from "./Answers.tsx"
import type { Ask } from "./Ask.ts"
import { TooMany } from "./Failure.ts"
import { jsonBody } from "./Input.ts"

/** Enough for a rack that joins at once from behind one address; too little to guess 256 bits of a token. */
const joinsPerMinute = 120
const addressesMax = 10_000

/** A count per address and minute. */
const makeLimiter = (perMinute: number) => {
  const counts = new Map<string, { minute: number; count: number }>()
  return Effect.fn("Join.limit")(function* (ip: string) {
    const now = yield* Clock.currentTimeMillis
    const minute = Math.floor(now / 60_000)
    if (counts.size > addressesMax) counts.clear()
    const known = counts.get(ip)
    const entry = known?.minute === minute ? known : { minute, count: 0 }
    entry.count++
    counts.set(ip, entry)
    if (entry.count > perMinute) return yield* new TooMany({ retryAfterMs: (minute + 1) * 60_000 - now })
  })
}

/** `GET /join/ca` and `POST /join`: what a node without a certificate needs, and nothing else. */
export const makeJoinRoutes = (perMinute = joinsPerMinute) => {
  const limit = makeLimiter(perMinute)
  const authority = Effect.fn("Join.authority")(function* (ask: Ask) {
    yield* limit(ask.ip)
    const joining = yield* Joining
    const pem = yield* joining.caPem
    return new Response(pem, { headers: { "content-type": "application/x-pem-file" } })
  })
  const join = Effect.fn("Join.join")(function* (ask: Ask) {
    yield* limit(ask.ip)
    const joining = yield* Joining
    return json(yield* joining.join(yield* jsonBody(ask), ask.ip))
  })
  return { authority, join }
}

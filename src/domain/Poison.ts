/**
 * A call that ran when a worker ended. `hash`: of its method and arguments, the same for the same call. `startedAt`:
 * milliseconds since 1970, where it is known; `remote`: who has called, where that is.
 */
export type CallInFlight = {
  readonly hash: string
  readonly method: string
  readonly startedAt?: number
  readonly remote?: string | undefined
}

/** A call that may have ended workers. Times are milliseconds of a monotonic clock. */
type Suspect = { readonly method: string; readonly crashes: number; readonly at: number }

/** A call that is refused, until it is tried again. */
export type Poisonous = { readonly method: string; readonly crashes: number; readonly until: number }

/** What is known of the calls of one process set, by hash, the newest last. */
export type PoisonBook = {
  readonly suspects: ReadonlyMap<string, Suspect>
  readonly poison: ReadonlyMap<string, Poisonous>
}

export const emptyPoison: PoisonBook = { suspects: new Map(), poison: new Map() }

const crashesMin = 2
export const poisonMax = 100
export const suspectsMax = 10_000
/** A crash is forgotten after this time. */
const memoryMs = 3_600_000
/** So long is a call refused at first, and twice as long each time that it ends a worker again. */
const refusedMs = 60_000
const refusedMaxMs = 3_600_000

const newest = <A>(entries: Iterable<readonly [string, A]>, max: number): ReadonlyMap<string, A> => {
  const all = [...entries]
  return new Map(all.slice(Math.max(0, all.length - max)))
}

/**
 * After so long, what was refused is tried again, as a suspect: it may have been in flight when something else ended the
 * workers. One more crash, and it is refused for longer.
 */
export const afterTime = (book: PoisonBook, now: number): PoisonBook => {
  const tried = [...book.poison].filter(([, { until }]) => until <= now)
  const forgotten = [...book.suspects].filter(([, { at }]) => at + memoryMs <= now)
  if (tried.length === 0 && forgotten.length === 0) return book
  const suspects = [
    ...[...book.suspects].filter(([, { at }]) => at + memoryMs > now),
    ...tried.map(([hash, { crashes, method }]) => [hash, { method, crashes, at: now }] as const),
  ]
  return {
    suspects: newest(suspects, suspectsMax),
    poison: new Map([...book.poison].filter(([, { until }]) => until > now)),
  }
}

/** A worker has ended unexpectedly while these calls ran. `found`: what is refused from now on. */
export const afterCrash = (
  before: PoisonBook,
  inFlight: ReadonlyArray<CallInFlight>,
  now: number,
): { readonly book: PoisonBook; readonly found: ReadonlyArray<CallInFlight> } => {
  const { poison, suspects } = afterTime(before, now)
  const nextSuspects = new Map(suspects)
  const nextPoison = new Map(poison)
  const found: Array<CallInFlight> = []
  // The same call may run several times in one worker: it counts once.
  for (const [hash, method] of new Map(inFlight.map((call) => [call.hash, call.method]))) {
    if (poison.has(hash)) continue
    const crashes = (suspects.get(hash)?.crashes ?? 0) + 1
    nextSuspects.delete(hash)
    if (crashes < crashesMin) nextSuspects.set(hash, { method, crashes, at: now })
    else {
      const until = now + Math.min(refusedMaxMs, refusedMs * 2 ** (crashes - crashesMin))
      nextPoison.set(hash, { method, crashes, until })
      found.push({ hash, method })
    }
  }
  return { book: { suspects: newest(nextSuspects, suspectsMax), poison: newest(nextPoison, poisonMax) }, found }
}

/** Workers have run these calls to their end since: they are as harmless as others. */
export const acquit = (book: PoisonBook, hashes: ReadonlyArray<string>): PoisonBook => {
  if (!hashes.some((hash) => book.suspects.has(hash))) return book
  const harmless = new Set(hashes)
  return { ...book, suspects: new Map([...book.suspects].filter(([hash]) => !harmless.has(hash))) }
}

/** A bucket of attempts that fills up again. */
type Bucket = { tokens: number; at: number }

type Rule = {
  /** Attempts in a row. */
  readonly burst: number
  /** Milliseconds until one more is allowed. */
  readonly refillMs: number
}

// A person who mistypes never notices; a machine gets a guess in half a minute. The limits without the address are
// wider, so that a stranger needs many addresses to keep a user out, and yet can't guess faster by having them.
const perNameAndIp: Rule = { burst: 5, refillMs: 30_000 }
const perIp: Rule = { burst: 20, refillMs: 15_000 }
const perName: Rule = { burst: 50, refillMs: 6_000 }

/** How many names and addresses are remembered at most, of each kind. */
export const bucketsMax = 10_000

class Buckets {
  readonly #rule: Rule
  readonly #buckets = new Map<string, Bucket>()
  constructor(rule: Rule) {
    this.#rule = rule
  }
  get size(): number {
    return this.#buckets.size
  }
  /** What the key has at `now`; the least recently used key is forgotten when there are too many. */
  bucket(key: string, now: number): Bucket {
    const { burst, refillMs } = this.#rule
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now }
    bucket.tokens = Math.min(burst, bucket.tokens + Math.max(0, now - bucket.at) / refillMs)
    bucket.at = now
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    const oldest = this.#buckets.keys().next()
    if (this.#buckets.size > bucketsMax && oldest.done !== true) this.#buckets.delete(oldest.value)
    return bucket
  }
  waitMs(key: string, now: number): number {
    const missing = 1 - this.bucket(key, now).tokens
    return missing <= 0 ? 0 : Math.ceil(missing * this.#rule.refillMs)
  }
  add(key: string, now: number, tokens: number): void {
    const bucket = this.bucket(key, now)
    bucket.tokens = Math.min(this.#rule.burst, bucket.tokens + tokens)
  }
}

/** One host has a whole /64 of IPv6 addresses, so they count as one. */
const hostOf = (ip: string): string => {
  if (!ip.includes(":")) return ip
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)
  if (mapped?.[1] !== undefined) return mapped[1]
  const [head = "", tail = ""] = ip.split("::")
  const left = head === "" ? [] : head.split(":")
  const right = tail === "" ? [] : tail.split(":")
  const zeros = ip.includes("::") ? Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => "0") : []
  return [...left, ...zeros, ...right].slice(0, 4).join(":")
}

/** Limits attempts to log in, per name and address, per address, and per name. In memory, of bounded size. */
export class LoginLimiter {
  readonly #pairs = new Buckets(perNameAndIp)
  readonly #ips = new Buckets(perIp)
  readonly #names = new Buckets(perName)

  #each(name: string, ip: string): ReadonlyArray<readonly [Buckets, string]> {
    const host = hostOf(ip)
    return [
      [this.#pairs, `${host} ${name}`],
      [this.#ips, host],
      [this.#names, name],
    ]
  }

  /** 0: go on, and it is counted; otherwise the milliseconds until the next attempt, which is not counted. */
  attempt(name: string, ip: string, now: number): number {
    const each = this.#each(name, ip)
    const waitMs = Math.max(...each.map(([buckets, key]) => buckets.waitMs(key, now)))
    if (waitMs === 0) for (const [buckets, key] of each) buckets.add(key, now, -1)
    return waitMs
  }

  /** The attempt was right: it does not count. */
  forgive(name: string, ip: string, now: number): void {
    for (const [buckets, key] of this.#each(name, ip)) buckets.add(key, now, 1)
  }

  /** Names and addresses remembered. */
  get size(): number {
    return this.#pairs.size + this.#ips.size + this.#names.size
  }
}

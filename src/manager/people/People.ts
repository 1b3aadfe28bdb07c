import { Clock, Context, Data, Effect, Layer, Semaphore } from "effect"
import { sha256Hex } from "../../platform/Hash.ts"
import { randomToken } from "../../platform/Ids.ts"
import { hashPassword, type PasswordCost, strongCost, verifyPassword } from "../../platform/Password.ts"
import { AuditRepo } from "../store/AuditRepo.ts"
import { Database } from "../store/Database.ts"
import { SessionsRepo } from "../store/SessionsRepo.ts"
import { type User, UsersRepo } from "../store/UsersRepo.ts"
import { LoginLimiter } from "./LoginLimiter.ts"

/** A session ends this long after the login, whatever happens. */
export const absoluteMs = 7 * 24 * 3_600_000
/** A session ends when it was not used for so long. */
export const idleMs = 12 * 3_600_000
/** What a password must have at least. */
export const passwordMin = 10
const passwordMax = 1024
const nameMax = 64

// Each request would be a write to the database otherwise.
const touchEveryMs = 60_000
const pruneEveryMs = 3_600_000
// A hash takes 32 MiB and a CPU: many logins at once wait for each other.
const hashesAtOnce = 2

/** What hashing a password costs; tests turn it down. */
export const HashCost = Context.Reference<PasswordCost>("muster/manager/people/HashCost", {
  defaultValue: () => strongCost,
})

/** `wrong`: name or password, it is not said which. `limited`: too many attempts, also when the password is right. */
export class LoginRefused extends Data.TaggedError("LoginRefused")<{
  readonly reason: "wrong" | "limited"
  /** Until the next attempt is looked at; 0 for `wrong`. */
  readonly retryAfterMs: number
}> {
  override get message() {
    return this.reason === "wrong"
      ? "The name or the password is wrong"
      : `Too many attempts: try again in ${Math.ceil(this.retryAfterMs / 1000)} s`
  }
}

/** The new password is not taken. */
export class PasswordRefused extends Data.TaggedError("PasswordRefused")<{
  readonly reason: "short" | "long" | "same"
}> {
  override get message() {
    if (this.reason === "same") return "The new password is the old one"
    return this.reason === "short"
      ? `A password has at least ${passwordMin} characters`
      : `A password has at most ${passwordMax} characters`
  }
}

export type Person = { readonly id: string; readonly name: string }

export type Session = {
  readonly user: Person
  /** Comes with each write of this session; made of the session's id, so that no other session has it. */
  readonly csrfToken: string
}

export type NewSession = Session & {
  /** The cookie's value. The store has only its hash. */
  readonly id: string
  readonly expiresAt: number
}

const person = ({ id, name }: User): Person => ({ id, name })
const csrfTokenOf = (sessionId: string) => sha256Hex(`csrf ${sessionId}`)

const make = Effect.gen(function* () {
  const users = yield* UsersRepo
  const sessions = yield* SessionsRepo
  const audit = yield* AuditRepo
  const database = yield* Database
  const cost = yield* HashCost
  const limiter = new LoginLimiter()
  const hashing = yield* Semaphore.make(hashesAtOnce)
  const hash = (password: string) => hashing.withPermits(1)(Effect.promise(() => hashPassword(password, cost)))
  const matches = (password: string, hash: string) =>
    hashing.withPermits(1)(Effect.promise(() => verifyPassword(password, hash)))
  // An unknown name takes as long as a known one: this is checked instead.
  const nobodysHash = yield* hash(randomToken(16))
  let prunedAt = 0

  const firstRun = Effect.gen(function* () {
    if ((yield* users.count) > 0) return undefined
    const password = randomToken(15)
    const passwordHash = yield* hash(password)
    const name = "admin"
    const create = Effect.gen(function* () {
      yield* users.create(name, passwordHash)
      yield* audit.add({ who: "muster", what: "user.create", object: `user:${name}`, detail: {} })
    })
    // Another manager on the same database was faster: its password was shown there.
    return yield* database.transaction(create).pipe(
      Effect.as({ name, password }),
      Effect.catch(() => Effect.succeed(undefined)),
    )
  })

  const openSession = Effect.fnUntraced(function* (user: User, now: number) {
    const id = randomToken(32)
    const expiresAt = now + absoluteMs
    yield* sessions.create({ idHash: sha256Hex(id), userId: user.id, createdAt: now, seenAt: now, expiresAt })
    if (now - prunedAt >= pruneEveryMs) {
      prunedAt = now
      yield* sessions.prune(now - idleMs)
    }
    return { id, expiresAt, user: person(user), csrfToken: csrfTokenOf(id) } satisfies NewSession
  })

  const check = Effect.fnUntraced(function* (name: string, password: string, ip: string) {
    const now = yield* Clock.currentTimeMillis
    const retryAfterMs = limiter.attempt(name, ip, now)
    if (retryAfterMs > 0) return yield* new LoginRefused({ reason: "limited", retryAfterMs })
    const user = yield* users.byName(name)
    const right = yield* matches(password, user?.passwordHash ?? nobodysHash)
    if (user === undefined || !right) return yield* new LoginRefused({ reason: "wrong", retryAfterMs: 0 })
    limiter.forgive(name, ip, now)
    return user
  })

  const login = Effect.fn("People.login")(function* (name: string, password: string, ip: string) {
    // Longer than any name and password can be: not worth a hash, nor a place in the limiter's memory.
    const fits = name.length <= nameMax && password.length <= passwordMax
    const user = yield* check(fits ? name : "", fits ? password : "", ip)
    return yield* openSession(user, yield* Clock.currentTimeMillis)
  })

  const session = Effect.fn("People.session")(function* (id: string) {
    const now = yield* Clock.currentTimeMillis
    const idHash = sha256Hex(id)
    const found = yield* sessions.find(idHash)
    if (found === undefined) return undefined
    if (now >= found.expiresAt || now - found.seenAt >= idleMs) {
      yield* sessions.remove(idHash)
      return undefined
    }
    if (now - found.seenAt >= touchEveryMs) yield* sessions.touch(idHash)
    return yield* users.get(found.userId).pipe(
      Effect.map((user): Session => ({ user: person(user), csrfToken: csrfTokenOf(id) })),
      Effect.catchTag("NotFound", () => Effect.succeed(undefined)),
    )
  })

  const logout = Effect.fn("People.logout")((id: string) => sessions.remove(sha256Hex(id)))

  const changePassword = Effect.fn("People.changePassword")(function* (
    sessionId: string,
    change: { readonly current: string; readonly next: string; readonly ip: string },
  ) {
    const { current, next, ip } = change
    const open = yield* session(sessionId)
    if (open === undefined) return yield* new LoginRefused({ reason: "wrong", retryAfterMs: 0 })
    const user = yield* check(open.user.name, current.slice(0, passwordMax + 1), ip)
    if (next.length < passwordMin) return yield* new PasswordRefused({ reason: "short" })
    if (next.length > passwordMax) return yield* new PasswordRefused({ reason: "long" })
    if (next === current) return yield* new PasswordRefused({ reason: "same" })
    const passwordHash = yield* hash(next)
    const save = Effect.gen(function* () {
      yield* users.setPassword(user.id, passwordHash)
      yield* sessions.removeOthers(user.id, sha256Hex(sessionId))
      yield* audit.add({ who: user.name, what: "user.password", object: `user:${user.name}`, detail: {} })
    })
    yield* database.transaction(save).pipe(Effect.catchTag("NotFound", Effect.die))
  })

  return People.of({ firstRun, login, session, logout, changePassword })
})

/** Those who may use the page, and their sessions. */
export class People extends Context.Service<
  People,
  {
    /** On a database without users: makes `admin` and answers its password, this once. */
    readonly firstRun: Effect.Effect<{ readonly name: string; readonly password: string } | undefined>
    readonly login: (name: string, password: string, ip: string) => Effect.Effect<NewSession, LoginRefused>
    /** Undefined: unknown, ended, or expired. Using it keeps it alive. */
    readonly session: (id: string) => Effect.Effect<Session | undefined>
    readonly logout: (id: string) => Effect.Effect<void>
    /** Ends all other sessions of the user. A wrong `current` counts as an attempt to log in. */
    readonly changePassword: (
      sessionId: string,
      change: { readonly current: string; readonly next: string; readonly ip: string },
    ) => Effect.Effect<void, LoginRefused | PasswordRefused>
  }
>()("muster/manager/people/People") {
  static readonly layer = Layer.effect(People, make)
}

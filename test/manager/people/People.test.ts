import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "bun:test"
import { Effect, Layer, Redacted, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { CliToken, cliTokenPath } from "../../../src/manager/people/CliToken.ts"
import { bucketsMax, LoginLimiter } from "../../../src/manager/people/LoginLimiter.ts"
import { absoluteMs, HashCost, idleMs, People } from "../../../src/manager/people/People.ts"
import { AuditRepo } from "../../../src/manager/store/AuditRepo.ts"
import { Database } from "../../../src/manager/store/Database.ts"
import { storeLayer } from "../../../src/manager/store/Store.ts"
import { UsersRepo } from "../../../src/manager/store/UsersRepo.ts"
import { hashPassword, verifyPassword } from "../../../src/platform/Password.ts"
import { it } from "../../support/effect.ts"

type Services = People | AuditRepo | Database | UsersRepo

const cheap = Layer.succeed(HashCost, { logN: 4, r: 1, p: 1 })
const people = People.layer.pipe(
  Layer.provideMerge(storeLayer({ engine: "sqlite", path: ":memory:" })),
  Layer.provide(cheap),
)

const ip = "10.0.0.1"

/** With an `admin` whose password is given. */
const withAdmin = <E>(name: string, body: (password: string) => Effect.Effect<void, E, Services | Scope.Scope>) =>
  it.effect(
    name,
    Effect.gen(function* () {
      const admin = yield* (yield* People).firstRun
      yield* body(admin?.password ?? "")
    }).pipe(Effect.provide(people)),
  )

const login = (password: string, name = "admin", from = ip) =>
  Effect.flatMap(People, (people) => people.login(name, password, from))
const refusal = (password: string, name = "admin", from = ip) => Effect.flip(login(password, name, from))
const session = (id: string) => Effect.flatMap(People, (people) => people.session(id))

describe("people", () => {
  withAdmin("get an admin with a random password at the first run, told once", (password) =>
    Effect.gen(function* () {
      expect(password.length).toBeGreaterThanOrEqual(16)
      expect(yield* (yield* People).firstRun).toBeUndefined()
      const user = yield* (yield* UsersRepo).byName("admin")
      expect(user?.passwordHash).toStartWith("scrypt$4$1$1$")
      expect(user?.passwordHash).not.toContain(password)
    }),
  )

  withAdmin("log in with the right name and password only", (password) =>
    Effect.gen(function* () {
      const { id, user } = yield* login(password)
      expect(user.name).toBe("admin")
      expect((yield* session(id))?.user).toEqual(user)
      expect(yield* session(`${id}x`)).toBeUndefined()
      for (const [wrong, name] of [
        ["x", "admin"],
        [password, "Admin"],
        [password, "bob"],
        ["", "admin"],
        [password, ""],
      ])
        expect((yield* refusal(wrong!, name)).reason).toBe("wrong")
      expect((yield* refusal("x".repeat(5_000_000))).reason).toBe("wrong")
    }),
  )

  withAdmin("have a session whose id is nowhere in the database, and a CSRF token of its own", (password) =>
    Effect.gen(function* () {
      const one = yield* login(password)
      const two = yield* login(password)
      expect(one.csrfToken).not.toBe(two.csrfToken)
      expect((yield* session(one.id))?.csrfToken).toBe(one.csrfToken)
      const rows = yield* (yield* Database).run((db) => db.selectFrom("session").selectAll().execute())
      expect(rows).toHaveLength(2)
      expect(JSON.stringify(rows)).not.toContain(one.id)
      expect(JSON.stringify(rows)).not.toContain(one.csrfToken)
    }),
  )

  withAdmin("are logged out by themselves, when idle, and at the latest after a week", (password) =>
    Effect.gen(function* () {
      const { id, expiresAt } = yield* login(password)
      expect(expiresAt).toBe(absoluteMs)
      const idle = yield* login(password)
      const left = yield* login(password)
      yield* (yield* People).logout(left.id)
      expect(yield* session(left.id)).toBeUndefined()
      for (let hours = 0; hours < absoluteMs / 3_600_000 - 8; hours += 8) {
        yield* TestClock.adjust("8 hours")
        expect((yield* session(id))?.user.name).toBe("admin")
      }
      expect(yield* session(idle.id)).toBeUndefined()
      yield* TestClock.adjust("8 hours")
      expect(yield* session(id)).toBeUndefined()
    }),
  )

  withAdmin("leave no ended session behind", (password) =>
    Effect.gen(function* () {
      yield* login(password)
      yield* TestClock.adjust(idleMs)
      const { id } = yield* login(password)
      const rows = yield* (yield* Database).run((db) => db.selectFrom("session").selectAll().execute())
      expect(rows).toHaveLength(1)
      expect(yield* session(id)).toBeDefined()
    }),
  )

  withAdmin("are kept waiting after five wrong passwords, even with the right one, elsewhere not", (password) =>
    Effect.gen(function* () {
      for (let round = 0; round < 5; round++) expect((yield* refusal("x")).reason).toBe("wrong")
      const limited = yield* refusal(password)
      expect(limited).toMatchObject({ reason: "limited", retryAfterMs: 30_000 })
      yield* login(password, "admin", "10.0.0.2")
      yield* TestClock.adjust("29 seconds")
      expect((yield* refusal(password)).retryAfterMs).toBe(1000)
      yield* TestClock.adjust("1 second")
      yield* login(password)
    }),
  )

  withAdmin("are not limited by logging in rightly", (password) =>
    Effect.gen(function* () {
      for (let round = 0; round < 60; round++) yield* login(password)
    }),
  )

  withAdmin("change the password with the old one, which ends all other sessions", (password) =>
    Effect.gen(function* () {
      const people = yield* People
      const here = yield* login(password)
      const there = yield* login(password)
      const change = (next: string, current = password) => people.changePassword(here.id, { current, next, ip })
      expect(yield* Effect.flip(change("long enough", "wrong"))).toMatchObject({ reason: "wrong" })
      expect(yield* Effect.flip(change("short"))).toMatchObject({ reason: "short" })
      expect(yield* Effect.flip(change("x".repeat(2000)))).toMatchObject({ reason: "long" })
      expect(yield* Effect.flip(change(password))).toMatchObject({ reason: "same" })
      yield* change("pässword 新しい")
      expect([(yield* session(here.id))?.user.name, yield* session(there.id)]).toEqual(["admin", undefined])
      expect((yield* refusal(password)).reason).toBe("wrong")
      // The same letters as another keyboard composes them.
      yield* login("pässword 新しい".normalize("NFD"))
      expect((yield* (yield* AuditRepo).newest(1))[0]).toMatchObject({ who: "admin", what: "user.password" })
      const nobody = people.changePassword("none", { current: "a", next: "b", ip })
      expect(yield* Effect.flip(nobody)).toMatchObject({ reason: "wrong" })
    }),
  )
})

describe("the login limiter", () => {
  test("limits an address over all names, and a name over all addresses", () => {
    const byIp = new LoginLimiter()
    for (let index = 0; index < 20; index++) expect(byIp.attempt(`user${index}`, ip, 0)).toBe(0)
    expect(byIp.attempt("another", ip, 0)).toBe(15_000)
    const byName = new LoginLimiter()
    for (let index = 0; index < 50; index++) expect(byName.attempt("admin", `10.0.0.${index}`, 0)).toBe(0)
    expect(byName.attempt("admin", "10.9.9.9", 0)).toBe(6_000)
    expect(byName.attempt("bob", "10.9.9.9", 0)).toBe(0)
  })

  test("takes a /64 of IPv6 for one host, and an IPv4 address in IPv6 for itself", () => {
    const limiter = new LoginLimiter()
    for (const address of ["2001:db8::1", "2001:db8:0:0::2", "2001:db8:0:0:1:2:3:4", "2001:db8::ffff:1", "2001:db8::9"])
      expect(limiter.attempt("admin", address, 0)).toBe(0)
    expect(limiter.attempt("admin", "2001:db8::abcd", 0)).toBe(30_000)
    expect(limiter.attempt("admin", "2001:db8:0:1::1", 0)).toBe(0)
    for (let round = 0; round < 5; round++) expect(limiter.attempt("bob", "::ffff:10.0.0.1", 0)).toBe(0)
    expect(limiter.attempt("bob", "10.0.0.1", 0)).toBe(30_000)
  })

  test("does not count a refused attempt, and a clock that goes back gives nothing", () => {
    const limiter = new LoginLimiter()
    for (let round = 0; round < 5; round++) limiter.attempt("admin", ip, 100_000)
    for (let round = 0; round < 9; round++) expect(limiter.attempt("admin", ip, 100_000)).toBe(30_000)
    expect(limiter.attempt("admin", ip, 50_000)).toBe(30_000)
    expect(limiter.attempt("admin", ip, 80_000)).toBe(0)
  })

  test("remembers a bounded number of names and addresses", () => {
    const limiter = new LoginLimiter()
    for (let index = 0; index < bucketsMax + 500; index++)
      limiter.attempt(`u${index}`, `10.0.${index >> 8}.${index}`, 0)
    expect(limiter.size).toBe(3 * bucketsMax)
  })
})

describe("a password's hash", () => {
  test("is made with strong parameters, another each time, and only fits its password", async () => {
    const [one, two] = await Promise.all([hashPassword("correct horse"), hashPassword("correct horse")])
    expect(one).toStartWith("scrypt$15$8$3$")
    expect(one).not.toBe(two)
    expect(await verifyPassword("correct horse", one)).toBe(true)
    expect(await verifyPassword("correct Horse", one)).toBe(false)
  })

  test.each([
    "",
    "x",
    "scrypt$40$8$1$aa$bb",
    "scrypt$x$8$1$aa$bb",
    "scrypt$0$8$1$aa$bb",
    "md5$1$1$1$aa$bb",
    "scrypt$4$1$1$YQ==$",
  ])("that is %p fits nothing", async (hash) => expect(await verifyPassword("", hash)).toBe(false))
})

test("the command line's token is made once, for its owner only, and again when the file was emptied", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "muster-token-"))
  try {
    const load = () => Effect.runPromise(Effect.provide(CliToken, CliToken.layer(dataDir)))
    const first = await load()
    const token = Redacted.value(first.token)
    const path = cliTokenPath(dataDir)
    expect(readFileSync(path, "utf8")).toBe(`${token}\n`)
    expect((statSync(path).mode & 0o777).toString(8)).toBe("600")
    const second = await load()
    expect([token, `${token}x`, ""].map(second.matches)).toEqual([true, false, false])
    truncateSync(path)
    const third = await load()
    expect([token, "", Redacted.value(third.token)].map(third.matches)).toEqual([false, false, true])
    expect(String(third.token)).not.toContain(Redacted.value(third.token))
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})

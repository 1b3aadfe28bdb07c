import { Database } from "bun:sqlite"
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { makeRoutes, type PageRoute } from "../../../src/manager/http/Routes.ts"
import { waitFor } from "../../support/waitFor.ts"
import { api, startManager, type TestManager, Visitor } from "./TestManager.ts"

let manager: TestManager
let admin: Visitor
let service: { id: string; name: string }
beforeAll(async () => {
  manager = await startManager()
  admin = await new Visitor(manager).login()
  const created = await api(manager)("POST", "/services", {
    name: "greeter",
    endpoints: [{ ip: "127.1.1.100", port: 9501, weight: 100, status: "online" }],
  })
  expect(created.status).toBe(201)
  service = created.body
})
afterAll(() => manager.stop())

const routes = makeRoutes()
const table = routes.map((route) => [`${route.method} ${route.path}`, route] as const)
const writes = table.filter(([, route]) => route.method !== "GET")
const guarded = table.filter(([, route]) => route.access !== "open")

/** A real address for a route of the table. */
const address = (route: PageRoute) =>
  route.path
    .replace("/services/:id", `/services/${service.id}`)
    .replace(":lang", "en")
    .replace(":name", service.name)
    .replace(/:\w+/g, "none")

const everything = () => {
  const database = new Database(`${manager.dataDir}/muster.db`, { readonly: true })
  const names = database.query("select name from sqlite_master where type = 'table'").all() as Array<{ name: string }>
  // `seen_at` keeps a session alive while somebody reads.
  const rows = names.map(({ name }) => [name, database.query(`select * from "${name}"`).all()])
  database.close()
  return JSON.stringify(rows).replaceAll(/"seen_at":\d+/g, "")
}

describe("login", () => {
  test("the first-run password opens a session, in a cookie that scripts and other sites can't use", async () => {
    const visitor = new Visitor(manager)
    const { name, password } = manager.admin!
    const response = await visitor.raw("/login", {
      method: "POST",
      form: { name, password, next: "/nodes" },
      headers: { origin: manager.url },
    })
    expect(response.status).toBe(303)
    expect(response.headers.get("location")).toBe("/nodes")
    const cookie = response.headers.getSetCookie().find((line) => line.startsWith("muster-session"))
    expect(cookie).toContain("HttpOnly")
    expect(cookie).toContain("SameSite=Strict")
    expect(cookie).toContain("Path=/")
    expect((await visitor.ask("/nodes")).status).toBe(200)
  })

  test("a wrong password and a wrong name are answered alike, with the form again", async () => {
    const visitor = new Visitor(manager)
    const wrong = await visitor.htmx("/login", { method: "POST", form: { name: "admin", password: "no" } })
    const nobody = await visitor.htmx("/login", { method: "POST", form: { name: "nobody", password: "no" } })
    expect(wrong.status).toBe(422)
    expect(wrong.text).toContain("The name or the password is wrong")
    expect(wrong.text.replaceAll("admin", "nobody")).toBe(nobody.text)
    expect(visitor.cookies.size).toBe(0)
  })

  test("a next page on another site is not followed", async () => {
    const { name, password } = manager.admin!
    for (const next of [
      "https://evil.example/",
      "//evil.example",
      "/\\evil.example",
      "javascript:alert(1)",
      "/login",
    ]) {
      const answer = await new Visitor(manager).htmx("/login", { method: "POST", form: { name, password, next } })
      expect({ next, to: answer.headers.get("hx-redirect") }).toEqual({ next, to: "/" })
    }
  })

  test("many attempts are limited with 429 and a time to wait, also when the password is right then", async () => {
    await using other = await startManager()
    const visitor = new Visitor(other)
    const attempt = (password: string) => visitor.htmx("/login", { method: "POST", form: { name: "admin", password } })
    const limited = await waitFor(async () => {
      const answer = await attempt("wrong")
      return answer.status === 429 && answer
    })
    expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0)
    expect(limited.text).toContain("Too many attempts")
    expect((await attempt(other.admin!.password)).status).toBe(429)
  })

  test("logging out ends the session on the server, not only in the browser", async () => {
    const visitor = await new Visitor(manager).login()
    const kept = new Map(visitor.cookies)
    const answer = await visitor.htmx("/logout", { method: "POST" })
    expect(answer.headers.get("hx-redirect")).toBe("/login")
    expect(visitor.cookies.size).toBe(0)
    for (const [name, value] of kept) visitor.cookies.set(name, value)
    expect((await visitor.ask("/")).status).toBe(303)
  })

  test("a session that has expired asks to log in, and then leads back", async () => {
    const visitor = await new Visitor(manager).login()
    const database = new Database(`${manager.dataDir}/muster.db`)
    const newest = database.query("select id_hash from session order by created_at desc, rowid desc limit 1").get() as {
      id_hash: string
    }
    database.query("update session set expires_at = 1 where id_hash = ?").run(newest.id_hash)
    database.close()
    const page = await visitor.ask("/services?f=down")
    expect(page.status).toBe(303)
    expect(page.headers.get("location")).toBe("/login?next=%2Fservices%3Ff%3Ddown")
    const part = await visitor.htmx("/keys", { headers: { "hx-current-url": `${manager.url}/nodes?q=a` } })
    expect(part.status).toBe(401)
    expect(part.headers.get("hx-redirect")).toBe("/login?next=%2Fnodes%3Fq%3Da")
  })
})

describe("without a session", () => {
  test.each(guarded)("%s refuses", async (_, route) => {
    const before = everything()
    const headers = { origin: manager.url, "x-csrf-token": admin.csrf }
    const visitor = new Visitor(manager)
    const answer = await visitor.ask(address(route), { method: route.method, headers })
    const page = route.speaks === "html" && route.method === "GET" && route.path !== "/events"
    expect(answer.status).toBe(page ? 303 : 401)
    if (page) expect(answer.headers.get("location")).toStartWith("/login")
    if (route.speaks === "json") expect(JSON.parse(answer.text).error).toBe("SignInNeeded")
    expect(everything()).toBe(before)
  })

  test.each(guarded)("%s refuses a session that was made up", async (_, route) => {
    const visitor = new Visitor(manager)
    const [name = ""] = admin.cookies.keys()
    visitor.cookies.set(name, "x".repeat(43))
    const answer = await visitor.ask(address(route), { method: route.method })
    expect([303, 401]).toContain(answer.status)
  })
})

describe("a write", () => {
  const own = writes.filter(([, route]) => route.access !== "open")

  test.each(own)("%s without the session's token is refused", async (_, route) => {
    const before = everything()
    for (const token of ["", "0".repeat(64)]) {
      const headers = { origin: manager.url, ...(token === "" ? {} : { "x-csrf-token": token }) }
      const answer = await admin.ask(address(route), { method: route.method, headers })
      expect(answer.status).toBe(403)
    }
    expect(everything()).toBe(before)
  })

  test.each(writes)("%s from another site is refused, even with the token", async (_, route) => {
    const before = everything()
    const foreign = [
      { origin: "https://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
      { origin: manager.url, "sec-fetch-site": "same-site" },
    ]
    for (const headers of foreign) {
      const sent = { method: route.method, headers: { "x-csrf-token": admin.csrf, ...headers } }
      expect((await admin.ask(address(route), sent)).status).toBe(403)
    }
    expect(everything()).toBe(before)
  })

  test("the token of another session is refused", async () => {
    const other = await new Visitor(manager).login()
    const headers = { "x-csrf-token": other.csrf }
    expect((await admin.htmx("/logout", { method: "POST", headers })).status).toBe(403)
    expect((await admin.ask("/")).status).toBe(200)
  })

  test("a form in another encoding is refused rather than guessed", async () => {
    const answer = await admin.htmx("/nodes/tokens", {
      method: "POST",
      body: "kind=once",
      headers: { "content-type": "text/plain" },
    })
    expect(answer.status).toBe(400)
  })
})

describe("every answer", () => {
  const safe = (headers: Headers) => {
    expect(headers.get("content-security-policy")).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    expect(headers.get("x-content-type-options")).toBe("nosniff")
    expect(headers.get("x-frame-options")).toBe("DENY")
    expect(headers.get("referrer-policy")).toBe("same-origin")
  }

  test.each(table)("of %s carries the security headers, and is not stored", async (_, route) => {
    for (const visitor of [new Visitor(manager), admin]) {
      const response = await visitor.raw(address(route), { method: route.method === "GET" ? "GET" : "PATCH" })
      safe(response.headers)
      expect(response.headers.get("cache-control")).toBe("no-store")
      await response.body?.cancel()
    }
  })

  test("of an asset carries them too, and may be stored", async () => {
    const { headers, status } = await new Visitor(manager).ask("/assets/htmx.min.js")
    expect(status).toBe(200)
    safe(headers)
    expect(headers.get("cache-control")).toBe("no-cache")
  })

  test("to an address that does not exist is 404: a page, or JSON under /api", async () => {
    const page = await admin.ask("/nowhere", { headers: { accept: "text/html" } })
    expect(page.status).toBe(404)
    safe(page.headers)
    expect(page.text).toContain("<!doctype html>")
    const json = await admin.ask("/api/nowhere")
    expect([json.status, JSON.parse(json.text).error]).toEqual([404, "NoSuchPage"])
  })
})

test("a read writes nothing, whatever page it is", async () => {
  const before = everything()
  for (const [, route] of table.filter(([, route]) => route.method === "GET")) {
    const response = await admin.raw(address(route), { headers: { accept: "text/html" } })
    expect(response.status, route.path).toBeLessThan(500)
    await response.body?.cancel()
  }
  expect(everything()).toBe(before)
})

test("a body above the limit of its route is refused with 413, announced or not", async () => {
  const big = `kind=${"x".repeat(70_000)}`
  const announced = await admin.htmx("/nodes/tokens", {
    method: "POST",
    body: big,
    headers: { "content-type": "application/x-www-form-urlencoded" },
  })
  expect(announced.status).toBe(413)
  const chunks = new ReadableStream({
    start: (controller) => {
      for (let sent = 0; sent < 70; sent++) controller.enqueue(new TextEncoder().encode("x".repeat(1024)))
      controller.close()
    },
  })
  const streamed = await fetch(`${manager.url}/join`, {
    method: "POST",
    body: chunks,
    headers: { "content-type": "application/json" },
    duplex: "half",
  } as RequestInit)
  expect(streamed.status).toBe(413)
  expect((await streamed.json()).error).toBe("BodyTooLarge")
})

test("the language of a page follows its cookie, then the browser, and its link leads back to our own pages only", async () => {
  const visitor = new Visitor(manager)
  const chinese = await visitor.ask("/login", { headers: { "accept-language": "zh-CN,zh;q=0.9,en;q=0.5" } })
  expect(chinese.text).toContain('<html lang="zh-CN"')
  const switched = await visitor.ask("/lang/en?to=%2Fnodes%3Fq%3D1")
  expect([switched.status, switched.headers.get("location")]).toEqual([303, "/nodes?q=1"])
  const english = await visitor.ask("/login", { headers: { "accept-language": "zh-CN" } })
  expect(english.text).toContain('<html lang="en"')
  expect((await visitor.ask("/lang/en?to=//evil.example")).headers.get("location")).toBe("/")
  expect((await visitor.ask("/lang/xx")).status).toBe(404)
})

test("a defect is logged under an id that the person sees, without a stack", async () => {
  await using broken = await startManager()
  const visitor = await new Visitor(broken).login()
  const database = new Database(`${broken.dataDir}/muster.db`)
  database.query("alter table join_token rename to join_token_gone").run()
  database.close()
  const answer = await visitor.htmx("/nodes")
  expect(answer.status).toBe(500)
  const id = /\(([0-9a-f]{8})\)/.exec(answer.text)?.[1]
  expect(id).toBeDefined()
  expect(answer.text).not.toContain("join_token")
  expect(broken.logs.join("\n")).toContain(`defect ${id} in GET /nodes`)
  const json = await api(broken)("GET", "/tokens")
  expect([json.status, json.body.error]).toEqual([500, "Internal"])
  expect(broken.logs.join("\n")).toContain(json.body.id)
})

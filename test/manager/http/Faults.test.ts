import { Database } from "bun:sqlite"
import { afterAll, beforeAll, expect, test } from "bun:test"
import { join } from "node:path"
import { startManager, type TestManager, Visitor } from "./TestManager.ts"

let manager: TestManager
let admin: Visitor
beforeAll(async () => {
  manager = await startManager()
  admin = await new Visitor(manager).login()
})
afterAll(() => manager.stop())

const foreign = [
  "/\t/evil.example",
  "/\t\\evil.example",
  "/.//evil.example",
  "/services/..//evil.example",
  "/login/..//evil.example",
  "//evil.example",
  "\\\\evil.example",
  "/\\evil.example",
  "https://evil.example/",
]

test("no address that a browser takes for another site is gone on to", async () => {
  for (const to of foreign) {
    const query = new URLSearchParams({ to }).toString()
    const answer = await admin.ask(`/lang/en?${query}`)
    const location = answer.headers.get("location") ?? ""
    expect({ to, host: new URL(location, "http://here").host }).toEqual({ to, host: "here" })
    const login = await admin.ask(`/login?${new URLSearchParams({ next: to })}`)
    expect({ to, host: new URL(login.headers.get("location") ?? "", "http://here").host }).toEqual({ to, host: "here" })
  }
})

test("an address with a line break is no fault of ours", async () => {
  const answer = await admin.ask(`/lang/en?${new URLSearchParams({ to: "/login\r\nset-cookie: a=b" })}`)
  expect(answer.status).toBe(303)
  expect(answer.headers.get("set-cookie")).not.toContain("a=b")
})

test("a page goes back to where the language was changed, with its filter", async () => {
  const answer = await admin.ask(`/lang/zh-CN?${new URLSearchParams({ to: "/nodes?f=away" })}`)
  expect(answer.headers.get("location")).toBe("/nodes?f=away")
})

test("all files of a page may be kept for ever", async () => {
  const { text } = await admin.ask("/services", { headers: { accept: "text/html" } })
  const links = [...text.matchAll(/(?:href|src)="(\/assets\/[^"#]+)/g)].map(([, link]) => link ?? "")
  expect(links.length).toBeGreaterThan(5)
  for (const link of links) {
    const { headers } = await admin.ask(link)
    expect({ link, cache: headers.get("cache-control") }).toEqual({
      link,
      cache: "public, max-age=31536000, immutable",
    })
  }
})

test("a store that fails before anybody is known is logged under an id that the page shows", async () => {
  const store = new Database(join(manager.dataDir, "muster.db"))
  store.run("alter table session rename to elsewhere")
  const shown = await admin.ask("/services", { headers: { accept: "text/html" } })
  const part = await admin.htmx("/services")
  store.run("alter table elsewhere rename to session")
  store.close()
  for (const answer of [shown, part]) {
    expect(answer.status).toBe(500)
    const id = /\b[0-9a-f]{8}\b/.exec(answer.text)?.[0] ?? "no id"
    expect(manager.logs.join("\n")).toContain(`defect ${id} in GET /services`)
  }
  expect((await admin.ask("/services")).status).toBe(200)
})

import { afterAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import zlib from "node:zlib"
import { Assets } from "../../src/platform/Assets.ts"

const folder = mkdtempSync(join(tmpdir(), "muster-assets-"))
const css = "body { color: rebeccapurple }\n".repeat(200)
writeFileSync(join(folder, "app.css"), css)
writeFileSync(join(folder, "font.woff2"), new Uint8Array([1, 2, 3]))
mkdirSync(join(folder, "sub"))
writeFileSync(join(folder, "sub", "inside.css"), "x")
writeFileSync(join(folder, ".hidden"), "x")
afterAll(() => rmSync(folder, { recursive: true }))

const assets = new Assets(folder)
const ask = (name: string, headers: Record<string, string> = {}, query = "") =>
  assets.respond(name, new Request(`http://host/assets/${name}${query}`, { headers }))
const bytes = async (response: Response) => new Uint8Array(await response.arrayBuffer())

test("a file is answered with its type and an entity tag, to be asked for again", async () => {
  const response = ask("app.css")
  expect(response.status).toBe(200)
  expect(response.headers.get("content-type")).toBe("text/css; charset=utf-8")
  expect(response.headers.get("cache-control")).toBe("no-cache")
  expect(response.headers.get("etag")).toMatch(/^"[\w-]{16}"$/)
  expect(await response.text()).toBe(css)
})

test("a browser that takes brotli gets brotli, one that takes gzip gets gzip, each under a tag of its own", async () => {
  const br = ask("app.css", { "accept-encoding": "gzip, deflate, br, zstd" })
  expect(br.headers.get("content-encoding")).toBe("br")
  expect(br.headers.get("vary")).toBe("accept-encoding")
  expect(zlib.brotliDecompressSync(await bytes(br)).toString()).toBe(css)
  const gzip = ask("app.css", { "accept-encoding": "gzip" })
  expect(gzip.headers.get("content-encoding")).toBe("gzip")
  expect(zlib.gunzipSync(await bytes(gzip)).toString()).toBe(css)
  const tags = [br, gzip, ask("app.css")].map((response) => response.headers.get("etag"))
  expect(new Set(tags).size).toBe(3)
})

test("a coding that is refused by q=0 is not used", () => {
  expect(ask("app.css", { "accept-encoding": "br;q=0, gzip" }).headers.get("content-encoding")).toBe("gzip")
  expect(ask("app.css", { "accept-encoding": "br; q=0.0" }).headers.get("content-encoding")).toBeNull()
  expect(ask("app.css", { "accept-encoding": "br;q=0.5" }).headers.get("content-encoding")).toBe("br")
})

test("what is compressed already is not compressed again", () => {
  const response = ask("font.woff2", { "accept-encoding": "br" })
  expect(response.headers.get("content-encoding")).toBeNull()
  expect(response.headers.get("content-type")).toBe("font/woff2")
})

test("who has the file already gets 304 without a body", async () => {
  const headers = { "accept-encoding": "br" }
  const etag = ask("app.css", headers).headers.get("etag") ?? ""
  const again = ask("app.css", { ...headers, "if-none-match": `"other", ${etag}` })
  expect(again.status).toBe(304)
  expect(again.headers.get("etag")).toBe(etag)
  expect(await again.text()).toBe("")
  expect(ask("app.css", { ...headers, "if-none-match": '"other"' }).status).toBe(200)
})

test("under the address that names its content a file may be kept for ever, under a wrong one not", () => {
  const address = assets.url("app.css")
  expect(address).toMatch(/^\/assets\/app\.css\?v=[\w-]{16}$/)
  const kept = ask("app.css", {}, address.slice(address.indexOf("?")))
  expect(kept.headers.get("cache-control")).toBe("public, max-age=31536000, immutable")
  expect(ask("app.css", {}, "?v=old").headers.get("cache-control")).toBe("no-cache")
})

test("nothing outside of the one flat folder can be read", () => {
  for (const name of ["none.css", "../package.json", "sub/inside.css", "sub", "..", ".hidden", "", "a\0b", "%2e%2e"]) {
    const response = assets.respond(name, new Request("http://host/assets/x"))
    expect({ name, status: response.status }).toEqual({ name, status: 404 })
  }
})

test("the project's own assets are found from the sources", () => {
  expect(new Assets().respond("htmx.min.js", new Request("http://host/")).status).toBe(200)
})

test("a script or style sheet names its neighbours by their content, and changes with it", async () => {
  const own = mkdtempSync(join(tmpdir(), "muster-assets-"))
  const made = (part: string) => {
    writeFileSync(join(own, "app.js"), 'import "./part.js"\nimport { x } from "./part.js"\n')
    writeFileSync(join(own, "part.js"), part)
    writeFileSync(join(own, "app.css"), '@font-face { src: url("/assets/f.woff2") format("woff2") }')
    writeFileSync(join(own, "f.woff2"), part)
    return new Assets(own)
  }
  const first = made("1")
  const text = await first.respond("app.js", new Request("http://host/")).text()
  expect(text).toContain(`import "${first.url("part.js")}"`)
  expect(text).toContain(`from "${first.url("part.js")}"`)
  expect(await first.respond("app.css", new Request("http://host/")).text()).toContain(`url("${first.url("f.woff2")}")`)
  const before = ["app.js", "app.css"].map((name) => first.url(name))
  const second = made("2")
  for (const [at, name] of ["app.js", "app.css"].entries()) expect(second.url(name)).not.toBe(before[at])
  rmSync(own, { recursive: true })
})

test("two scripts that name each other are served", async () => {
  const own = mkdtempSync(join(tmpdir(), "muster-assets-"))
  writeFileSync(join(own, "a.js"), 'import "./b.js"\n')
  writeFileSync(join(own, "b.js"), 'import "./a.js"\n')
  const both = new Assets(own)
  for (const name of ["a.js", "b.js"]) expect(both.respond(name, new Request("http://host/")).status).toBe(200)
  rmSync(own, { recursive: true })
})

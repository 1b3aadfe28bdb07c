import { describe, expect, test } from "bun:test"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { makeAssets } from "../../scripts/assets.ts"

const root = join(import.meta.dirname, "../..")

const sources = async (folder: string, endings: ReadonlyArray<string>) => {
  const names = await readdir(join(root, folder), { recursive: true })
  const wanted = names.filter((name) => endings.some((ending) => name.endsWith(ending)))
  return Promise.all(wanted.map(async (name) => ({ name, text: await readFile(join(root, folder, name), "utf8") })))
}

describe("assets", () => {
  test("those that come from packages are what the packages hold", async () => {
    for (const [path, contents] of await makeAssets()) {
      const committed = new Uint8Array(await readFile(join(root, path)))
      expect({ path, same: Bun.hash(committed) === Bun.hash(contents) }).toEqual({ path, same: true })
    }
  })

  test("every icon of the sprite is used", async () => {
    const names = [...(await readFile(join(root, "ui/parts/IconName.ts"), "utf8")).matchAll(/"([^"]+)"/g)]
    const code = (await sources("ui", [".tsx"])).map(({ text }) => text).join("\n")
    expect(names.map(([, name]) => name ?? "").filter((name) => !code.includes(`"${name}"`))).toEqual([])
  })

  test("colours are named in the token block of the style sheet and nowhere else", async () => {
    const css = await readFile(join(root, "ui/assets/app.css"), "utf8")
    const rest = css.slice(css.indexOf("/* 2. Ground */"))
    const literals = rest.replaceAll(/url\("[^"]*"\)/g, "").match(/#[0-9a-f]{3,8}\b|\brgb\(|\bhsl\(/gi)
    expect(literals).toBeNull()
  })
})

describe("sources", () => {
  test("no component writes raw HTML, inline style or inline script", async () => {
    const forbidden = /\braw\(|dangerouslySetInnerHTML|\sstyle=|hx-on|\bjs:|javascript:|\son[a-z]+=/
    const found = (await sources("ui", [".ts", ".tsx"])).filter(({ text }) => forbidden.test(text))
    expect(found.map(({ name }) => name)).toEqual([])
  })

  test("the browser's code builds elements and never HTML", async () => {
    const own = (await sources("ui/assets", [".js"])).filter(({ name }) => !name.endsWith(".min.js"))
    expect(own.length).toBeGreaterThan(5)
    expect(own.filter(({ text }) => /innerHTML|outerHTML\s*=|insertAdjacent|eval\(/.test(text))).toEqual([])
  })

  test("no reader sees a text that is not in the catalogue", async () => {
    const pages = (await sources("ui", [".tsx"])).filter(({ name }) => !name.startsWith("messages"))
    const literal = />\s*[A-Z][a-z]+[a-z ]*\s*</
    expect(pages.filter(({ text }) => literal.test(text)).map(({ name }) => name)).toEqual([])
  })
})

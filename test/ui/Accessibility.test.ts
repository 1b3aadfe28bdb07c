import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import type { Browser, Page } from "playwright-core"
import { launchBrowser } from "../support/browser.ts"
import { startGallery } from "../support/gallery.ts"
import { galleryStates } from "../support/galleryStates.tsx"

const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
const axePath = join(import.meta.dirname, "../../node_modules/axe-core/axe.min.js")
/** axe is slow beside seven other test files on two cores. */
const timeoutMs = 60_000

type Violation = {
  readonly id: string
  readonly nodes: ReadonlyArray<{ readonly html: string }>
}
declare const axe: { run: (root: unknown, options: object) => Promise<{ violations: ReadonlyArray<Violation> }> }

let browser: Browser
let page: Page
let source: string
let gallery: ReturnType<typeof startGallery>
const errors: Array<string> = []

beforeAll(async () => {
  gallery = startGallery()
  source = await readFile(axePath, "utf8")
  browser = await launchBrowser()
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" })
  page = await context.newPage()
  page.on("pageerror", (error) => errors.push(error.message))
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text())
  })
})

afterAll(async () => {
  await browser.close()
  await gallery.stop()
})

const violations = async (runOnly: { type: "tag" | "rule"; values: ReadonlyArray<string> }) => {
  const found = await page.evaluate(async (only) => (await axe.run(document, { runOnly: only })).violations, runOnly)
  return found.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => html.slice(0, 160)) }))
}

const everything = { type: "tag", values: rules } as const
/** A theme changes colours and nothing else. */
const contrast = { type: "rule", values: ["color-contrast"] } as const

const open = async (name: string, lang: string) => {
  await page.goto(`${gallery.url}/${name}?lang=${lang}&theme=light`)
  await page.evaluate(source)
}

const darken = () =>
  page.evaluate(() => {
    document.documentElement.dataset["theme"] = "dark"
  })

describe("axe finds nothing on", () => {
  for (const name of Object.keys(galleryStates)) {
    test(
      `${name}, light and dark, English and Chinese`,
      async () => {
        for (const lang of ["en", "zh-CN"]) {
          await open(name, lang)
          expect({ lang, light: await violations(everything) }).toEqual({ lang, light: [] })
          await darken()
          expect({ lang, dark: await violations(contrast) }).toEqual({ lang, dark: [] })
        }
      },
      timeoutMs,
    )
  }

  test(
    "does find faults where there are some",
    async () => {
      await open("services", "en")
      await page.evaluate(() => {
        const faint = document.createElement("p")
        faint.textContent = "faint"
        faint.style.color = "#333"
        document.querySelector("main")?.append(faint, document.createElement("button"), document.createElement("img"))
      })
      const ids = (await violations(everything)).map(({ id }) => id)
      expect(ids).toEqual(expect.arrayContaining(["button-name", "image-alt"]))
      await darken()
      expect((await violations(contrast)).length).toBe(1)
    },
    timeoutMs,
  )
})

test("no page breaks the content policy or throws", () => {
  expect(errors).toEqual([])
})

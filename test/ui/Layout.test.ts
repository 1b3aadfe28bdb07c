import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import type { Browser, Page } from "playwright-core"
import { launchBrowser } from "../support/browser.ts"
import { startGallery } from "../support/gallery.ts"
import { galleryStates } from "../support/galleryStates.tsx"

setDefaultTimeout(120_000)

let browser: Browser
let page: Page
let gallery: ReturnType<typeof startGallery>

beforeAll(async () => {
  gallery = startGallery()
  browser = await launchBrowser()
  page = await (await browser.newContext({ reducedMotion: "reduce" })).newPage()
})
afterAll(async () => {
  await browser.close()
  await gallery.stop()
})

const open = async (name: string, lang: string, width: number) => {
  await page.setViewportSize({ width, height: 900 })
  await page.goto(`${gallery.url}/${name}?lang=${lang}&theme=light`)
}

/** The tables, by their classes, of which a part is beyond their frame; and the page, when it is wider than the window. */
const cutOff = () =>
  page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll(".table-wrap")]
      .filter(({ clientWidth, scrollWidth }) => scrollWidth > clientWidth + 1)
      .map((one) => one.querySelector("table")?.className ?? "page"),
  )

describe("nothing is cut off", () => {
  for (const lang of ["en", "zh-CN"])
    test(`in a window of 1280 px, ${lang}`, async () => {
      const found: Record<string, ReadonlyArray<string>> = {}
      for (const name of Object.keys(galleryStates)) {
        await open(name, lang, 1280)
        const tables = await cutOff()
        if (tables.length > 0) found[name] = tables
      }
      expect(found).toEqual({})
    })

  test("of a page in a window of 420 px, and of what needs attention", async () => {
    const found: Record<string, ReadonlyArray<string>> = {}
    for (const name of Object.keys(galleryStates)) {
      await open(name, "en", 420)
      const wide = (await cutOff()).filter((one) => one === "page" || /concerns|glance/.test(one))
      if (wide.length > 0) found[name] = wide
    }
    expect(found).toEqual({})
  })
})

test("what needs attention is opened by its name, also where there is no room for a button", async () => {
  await open("dashboard", "en", 420)
  const rows = page.locator("#attention tbody tr")
  expect(await rows.count()).toBeGreaterThan(0)
  expect(await rows.locator("td:first-child a").count()).toBe(await rows.count())
})

for (const name of ["services-bulk-failed", "cron-bulk"])
  test(`the results of several are one below the other in 420 px: ${name}`, async () => {
    await open(name, "en", 420)
    const boxes = await page.evaluate(() =>
      [...document.querySelectorAll(".bulk-results > li")].map((row) => {
        const parts = [...row.children].map((part) => part.getBoundingClientRect())
        return {
          top: Math.min(...parts.map(({ top }) => top)),
          bottom: Math.max(...parts.map(({ bottom }) => bottom)),
        }
      }),
    )
    expect(boxes.length).toBeGreaterThan(1)
    for (const [at, { top }] of boxes.entries()) expect(top).toBeGreaterThanOrEqual((boxes[at - 1]?.bottom ?? 0) - 1)
  })

test("why a cron run was skipped is read as a whole in its row", async () => {
  await open("cron-task-running", "en", 1280)
  const row = page.locator("#cron-runs tr", { hasText: "Skipped" })
  const widths = await row
    .locator("td, td > *")
    .evaluateAll((all) => all.map((one) => one.scrollWidth - one.clientWidth))
  expect(widths.filter((over) => over > 1)).toEqual([])
  const heights = await row
    .locator(".reason")
    .evaluateAll((all) => all.map((one) => one.scrollHeight - one.clientHeight))
  expect(heights.filter((over) => over > 1)).toEqual([])
})

import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import axe from "axe-core"
import type { Browser, Page } from "playwright-core"
import { en } from "../../ui/messages/en.ts"
import { zhCN } from "../../ui/messages/zh-CN.ts"
import { adminPassword, launchBrowser, openViewer } from "../support/browser.ts"
import { Cluster, online } from "../support/cluster.ts"
import { logIn, press, pushAll, shows } from "../support/pages.ts"
import { waitFor } from "../support/waitFor.ts"

const module = join(import.meta.dirname, "../flows/modules/probe.ts")

type Violation = { readonly id: string; readonly nodes: ReadonlyArray<{ readonly html: string }> }

/** What axe objects to on the page as it is now. Injected past the page's policy, which forbids foreign scripts. */
const violations = async (page: Page) => {
  await page.evaluate(axe.source)
  const found = await page.evaluate(
    `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations)`,
  )
  return (found as ReadonlyArray<Violation>).map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)
}

describe("the pages", () => {
  let cluster: Cluster
  let browser: Browser
  let password: string
  let serviceId: string

  beforeAll(async () => {
    cluster = new Cluster("127.1.25.1")
    await cluster.ready()
    password = adminPassword(cluster.manager.output)
    const agent = await cluster.join("127.1.25.100")
    await cluster.greeter("orders", [online(agent.ip, 9100), online("127.1.25.101", 9100)], { module })
    await cluster.api.clients("orders", ["127.1.25.102"])
    serviceId = (await cluster.api.service("orders")).id
    browser = await launchBrowser()
  }, 90_000)

  afterAll(async () => {
    await browser.close()
    await cluster[Symbol.asyncDispose]()
  }, 30_000)

  const views = [
    { locale: "en", dark: false },
    { locale: "en", dark: true },
    { locale: "zh-CN", dark: false },
    { locale: "zh-CN", dark: true },
  ] as const

  test.each(views)(
    "axe finds nothing, scripts and policy report nothing: %j",
    async (view) => {
      const { page, errors } = await openViewer(browser, view)
      await page.goto(`${cluster.url}/login`)
      expect(await violations(page)).toEqual([])
      await logIn(page, { url: cluster.url, password })
      const service = `/services/${serviceId}`
      const paths = ["/", "/services", "/services/new", service, `${service}/clients`, `${service}/process`]
      for (const path of [...paths, `${service}/edit`, "/nodes", "/password", "/nowhere"]) {
        await page.goto(`${cluster.url}${path}`)
        expect(await page.locator("html").getAttribute("lang")).toBe(view.locale)
        expect(await violations(page).then((found) => found.map((one) => `${path} ${one}`))).toEqual([])
      }
      expect(errors.filter((error) => !error.includes("404"))).toEqual([])
      await page.context().close()
    },
    90_000,
  )

  test("a push that one person starts moves on the page of another, in that reader's language", async () => {
    const [first, second] = [await openViewer(browser), await openViewer(browser, { locale: "zh-CN" })]
    for (const { page } of [first, second]) {
      await logIn(page, { url: cluster.url, password })
      await page.goto(`${cluster.url}/services/${serviceId}/clients`)
    }
    await press(first.page, en.clients.pushAll(2))
    await first.page
      .locator("dialog")
      .getByRole("button", { name: en.push.go(2) })
      .click()
    await shows(second.page, "#push", zhCN.push.ok(1))
    await shows(second.page, "tr", new RegExp(`127.1.25.100[^]*${zhCN.push.state.ok}`))
    await shows(first.page, "#push", en.push.ok(1))
    expect([...first.errors, ...second.errors]).toEqual([])
    await first.page.context().close()
    await second.page.context().close()
  }, 60_000)

  test("a page tells that it lost the manager, and is live again after the manager's restart", async () => {
    const { page } = await openViewer(browser)
    await logIn(page, { url: cluster.url, password })
    await page.goto(`${cluster.url}/services/${serviceId}/clients`)
    await shows(page, "#live", en.live.on)
    await cluster.manager.stop("SIGKILL")
    await shows(page, "#live", en.live.off)
    cluster.startManager()
    await cluster.ready()
    await page.locator("#live", { hasText: en.live.on }).waitFor({ timeout: 30_000 })
    await cluster.api.clients("orders", ["127.1.25.103"])
    await shows(page, "tr", "127.1.25.103")
    await page.context().close()
  }, 60_000)

  test("the keyboard alone adds a service", async () => {
    const { page } = await openViewer(browser)
    await logIn(page, { url: cluster.url, password })
    await page.goto(`${cluster.url}/services/new`)
    await page.locator("#name").focus()
    await page.keyboard.type("typed")
    await page.keyboard.press("Enter")
    await waitFor(async () => (await page.locator("h1").textContent())?.includes("typed") === true, {
      what: "the page of the new service",
    })
    await page.context().close()
  }, 60_000)
})

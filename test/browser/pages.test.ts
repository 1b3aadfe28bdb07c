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

/** What axe objects to on the page as it is now: by all rules in light, by those about colour in dark. */
const violations = async (page: Page) => {
  // Past the page's policy, which forbids scripts from elsewhere.
  await page.evaluate(axe.source)
  const found: Array<Violation> = []
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme })
    await page.evaluate("Promise.allSettled(document.getAnimations().map(({ finished }) => finished))")
    const only = colorScheme === "dark" ? { runOnly: ["color-contrast", "link-in-text-block"] } : {}
    const options = JSON.stringify({ ...only, resultTypes: ["violations"] })
    found.push(
      ...((await page.evaluate(`axe.run(document, ${options}).then(({ violations }) => violations)`)) as typeof found),
    )
  }
  return found.map(({ id, nodes }) => `${page.url()} ${id}: ${nodes.map(({ html }) => html).join(" ")}`)
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

  test.each(["en", "zh-CN"] as const)(
    "axe, scripts and the policy have nothing to say, in %s",
    async (locale) => {
      const { page, errors } = await openViewer(browser, { locale })
      await page.goto(`${cluster.url}/login`)
      const found = await violations(page)
      await logIn(page, { url: cluster.url, password })
      const service = `/services/${serviceId}`
      const paths = ["/", "/services", "/services/new", service, `${service}/clients`, `${service}/process`]
      for (const path of [...paths, `${service}/edit`, "/nodes", "/password", "/nowhere"]) {
        await page.goto(`${cluster.url}${path}`)
        expect(await page.locator("html").getAttribute("lang")).toBe(locale)
        found.push(...(await violations(page)))
      }
      expect(found).toEqual([])
      expect(errors.filter((error) => !error.includes("404"))).toEqual([])
      await page.context().close()
    },
    120_000,
  )

  test("a push that one person starts moves on the page of another, in that reader's language", async () => {
    const [first, second] = [await openViewer(browser), await openViewer(browser, { locale: "zh-CN" })]
    for (const { page } of [first, second]) {
      await logIn(page, { url: cluster.url, password })
      await page.goto(`${cluster.url}/services/${serviceId}/clients`)
    }
    await press(first.page, en.action.close)
    await pushAll(first.page, 2)
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
    const stream = page.waitForResponse(/\/events/)
    await page.goto(`${cluster.url}/services/${serviceId}/clients`)
    await stream
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

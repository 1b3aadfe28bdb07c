import axe from "axe-core"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test"
import type { Browser, Page } from "playwright-core"
import { en } from "../../ui/messages/en.ts"
import { zhCN } from "../../ui/messages/zh-CN.ts"
import { adminPassword, launchBrowser, openViewer } from "../support/browser.ts"
import { Cluster } from "../support/cluster.ts"
import { logIn, shows } from "../support/pages.ts"
import { waitFor } from "../support/waitFor.ts"

const { bulk, cron } = en
const narrow = { width: 420, height: 800 }
const wide = { width: 1280, height: 800 }
const absent = "127.48.5.199"

type Task = { readonly name: string; readonly enabled: boolean }

describe("several cron tasks", () => {
  let cluster: Cluster
  let browser: Browser
  let page: Page
  let errors: ReadonlyArray<string>

  const create = (name: string, node: string) =>
    cluster.api.call("POST", "/cron", {
      name,
      node,
      schedule: { kind: "interval", everySeconds: 86_400 },
      action: { kind: "command", command: { shell: "true" } },
    })

  beforeAll(async () => {
    cluster = new Cluster("127.48.5.1")
    await cluster.ready()
    await cluster.join("127.48.5.100", "executable", ["--name=first", "--gateway=off"])
    for (const name of ["alpha", "beta"]) await create(name, "first")
    await create("lost", absent)
    browser = await launchBrowser()
    ;({ page, errors } = await openViewer(browser))
    page.setDefaultTimeout(45_000)
    await logIn(page, { url: cluster.url, password: adminPassword(cluster.manager.output) })
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await cluster[Symbol.asyncDispose]()
  }, 60_000)

  const open = async (query = "") => {
    await page.goto(`${cluster.url}/cron${query}`)
    await page.locator("#cron-list tbody tr").first().waitFor()
  }
  beforeEach(() => page.setViewportSize(wide))

  const tasks = () => cluster.api.call<ReadonlyArray<Task>>("GET", "/cron")
  const enabled = async () => Object.fromEntries((await tasks()).map((task) => [task.name, task.enabled]))
  const choose = async (...names: ReadonlyArray<string>) => {
    for (const name of names) await page.getByLabel(bulk.select(name)).check()
  }
  const act = (label: string) => page.locator("#bulk").getByRole("button", { name: label, exact: true }).click()
  const confirm = (label: string) => page.locator("dialog").getByRole("button", { name: label, exact: true }).click()
  const results = () => page.locator("#bulk-job li").allInnerTexts()
  const focused = () => page.evaluate("document.activeElement?.textContent ?? ''")

  const violations = async () => {
    await page.evaluate(axe.source)
    const found: Array<string> = []
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme })
      await page.evaluate("Promise.allSettled(document.getAnimations().map(({ finished }) => finished))")
      const ids = "axe.run(document, { resultTypes: ['violations'] }).then((all) => all.violations.map(({ id }) => id))"
      found.push(...((await page.evaluate(ids)) as ReadonlyArray<string>))
    }
    await page.emulateMedia({ colorScheme: "light" })
    return found
  }
  const isWithinPage = async () =>
    (await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")) as boolean

  test("are run at once; one that cannot says why, and does not stop the others", async () => {
    await open()
    expect(await page.locator("#bulk").isVisible()).toBe(false)
    await choose("alpha", "lost", "beta")
    await shows(page, "#bulk", "3 selected")
    await act(cron.start)
    await confirm(cron.start)
    await shows(page, "#bulk-job", cron.bulk.finished.start(2, 3))
    const [first = "", ...others] = await results()
    expect(first).toMatch(new RegExp(`^lost[^]*${bulk.state.failed}[^]*${absent}`))
    expect(others).toEqual([expect.stringContaining("alpha"), expect.stringContaining("beta")])
    for (const name of ["alpha", "beta"]) await shows(page, "tr", new RegExp(`${name}[^]*${cron.state.ok}`))
    expect(await violations()).toEqual([])
    await page.locator("#bulk-job").getByRole("button", { name: en.action.close, exact: true }).click()
    await page.locator("#bulk-job[hidden]").waitFor({ state: "attached" })
  }, 60_000)

  test("are all chosen and disabled by keyboard in 420 px, and enabled again", async () => {
    await page.setViewportSize(narrow)
    await open()
    await page.locator("[data-select-all]").focus()
    await page.keyboard.press("Space")
    await shows(page, "#bulk", "3 selected")
    expect(await isWithinPage()).toBe(true)
    expect(await violations()).toEqual([])
    await page.keyboard.press("Shift+Tab")
    expect(await focused()).toBe(cron.remove)
    await page.keyboard.press("Shift+Tab")
    expect(await focused()).toBe(cron.disable)
    await page.keyboard.press("Enter")
    await page.locator("dialog[open]").waitFor()
    while ((await focused()) !== cron.disable) await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await shows(page, "#bulk-job", cron.bulk.finished.disable(3, 3))
    expect(await isWithinPage()).toBe(true)
    expect(await violations()).toEqual([])
    expect(await enabled()).toEqual({ alpha: false, beta: false, lost: false })
    await act(cron.enable)
    await shows(page, "#bulk-job", cron.bulk.finished.enable(3, 3))
    expect(await enabled()).toEqual({ alpha: true, beta: true, lost: true })
  }, 60_000)

  test("are deleted from a list that is searched, and all brought back by the toast", async () => {
    await open("?q=a")
    await choose("alpha")
    await page.locator("[data-select-all]").check()
    await act(cron.remove)
    await confirm(cron.remove)
    await shows(page, "#cron-list", cron.noMatch)
    await shows(page, "#toasts", cron.bulk.finished.remove(2, 2))
    expect(await enabled()).toEqual({ lost: true })
    expect(await page.locator("#bulk").isVisible()).toBe(false)
    await page.locator("#toasts").getByRole("button", { name: en.action.undo }).click()
    await shows(page, "#bulk-job", cron.bulk.finished.restore(2, 2))
    expect(await enabled()).toEqual({ alpha: true, beta: true, lost: true })
    await shows(page, "#cron-list", /alpha[^]*beta/)
    expect(await page.locator("[data-select-all]").isChecked()).toBe(false)
  }, 60_000)

  test("that are deleted come back from the card too, which another reader sees in Chinese", async () => {
    const { page: other } = await openViewer(browser, { locale: "zh-CN" })
    await logIn(other, { url: cluster.url, password: adminPassword(cluster.manager.output) })
    await other.goto(`${cluster.url}/cron`)
    await open()
    await choose("alpha", "beta")
    const someChosen = page.locator("[data-select-all]:indeterminate")
    expect(await someChosen.count()).toBe(1)
    await act(cron.remove)
    await confirm(cron.remove)
    await page.locator("#cron-list tr", { hasText: "alpha" }).waitFor({ state: "detached" })
    await someChosen.waitFor({ state: "detached" })
    await shows(other, "#bulk-job", zhCN.cron.bulk.finished.remove(2, 2))
    await waitFor(async () => (await other.locator("#cron-list tbody tr").count()) === 1, { what: "one row is left" })
    await other.locator("#bulk-job").getByRole("button", { name: zhCN.action.undo }).click()
    await shows(page, "#bulk-job", cron.bulk.finished.restore(2, 2))
    await shows(page, "#cron-list", /alpha[^]*beta[^]*lost/)
    await other.context().close()
  }, 60_000)

  test("break no policy and throw nothing", () => {
    expect(errors).toEqual([])
  })
})

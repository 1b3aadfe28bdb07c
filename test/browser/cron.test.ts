import axe from "axe-core"
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import type { Browser, Page } from "playwright-core"
import { en } from "../../ui/messages/en.ts"
import { adminPassword, launchBrowser, openViewer } from "../support/browser.ts"
import { Cluster } from "../support/cluster.ts"
import { logIn, press, shows } from "../support/pages.ts"
import { waitFor } from "../support/waitFor.ts"

const { cron } = en

const violations = async (page: Page) => {
  await page.evaluate(axe.source)
  const found = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as {
    violations: ReadonlyArray<{ id: string }>
  }
  return found.violations.map(({ id }) => id)
}

describe("a cron task", () => {
  let cluster: Cluster
  let browser: Browser
  let page: Page
  let errors: ReadonlyArray<string>

  beforeAll(async () => {
    cluster = new Cluster("127.48.3.1")
    await cluster.ready()
    await cluster.join("127.48.3.100", "executable", ["--name=first", "--gateway=off"])
    await cluster.join("127.48.3.101", "executable", ["--name=second", "--gateway=off"])
    browser = await launchBrowser()
    ;({ page, errors } = await openViewer(browser))
    page.setDefaultTimeout(45_000)
    await logIn(page, { url: cluster.url, password: adminPassword(cluster.manager.output) })
  }, 180_000)
  afterAll(async () => {
    await browser?.close()
    await cluster[Symbol.asyncDispose]()
  }, 60_000)

  const confirm = (name: string) => page.locator("dialog").getByRole("button", { name, exact: true }).click()

  test("is added with a preview of its runs, and is on its node", async () => {
    await page.goto(`${cluster.url}/cron`)
    await shows(page, "main", cron.empty)
    expect(await violations(page)).toEqual([])
    await page.getByRole("link", { name: cron.add }).click()
    const zone = page.locator("#timeZone")
    await waitFor(async () => (await zone.inputValue()) !== "", { what: "the reader's zone" })
    await page.locator("#name").fill("hello")
    await page.locator("#node").selectOption({ label: "first (127.48.3.100)" })
    await page.locator("#shell").fill("echo begin; sleep 2; echo 你好 | tr -d x; exit 3")
    await page.locator("#expression").fill("61 3 * * *")
    await press(page, cron.form.create)
    await shows(page, "#expression-error", '"61"')
    expect(await violations(page)).toEqual([])
    await page.locator("#timeZone").fill("Asia/Shanghai")
    await page.locator("#expression").fill("30 3 * * 1-5")
    await page.locator("#cron-preview tbody tr").nth(9).waitFor()
    await shows(page, "#cron-preview td", /03:30:00/)
    await press(page, cron.form.create)
    await shows(page, "h1", "hello")
    await waitFor(async () => (await page.locator("#cron-place").textContent()) === "", { what: "it is on its node" })
    await shows(page, "#cron-facts", cron.at.weekdays("03:30"))
    const places = await page
      .locator("#cron-facts .fact")
      .evaluateAll((facts) => facts.map((fact) => fact.getBoundingClientRect().top))
    expect(new Set(places).size).toBeLessThan(places.length)
    await shows(page, "#cron-runs", cron.noRuns)
    expect(await violations(page)).toEqual([])
  }, 90_000)

  test("runs now, and its run is seen live: its state, its exit, its output", async () => {
    await press(page, cron.start)
    await confirm(cron.start)
    await shows(page, "#cron-runs tr", cron.state.running)
    await shows(page, "#cron-runs tr", cron.state.failed)
    await shows(page, "#cron-runs tr", cron.exitCode(3))
    await shows(page, "#cron-runs tr", "admin")
    await page
      .locator("#cron-runs")
      .getByRole("link", { name: /Output/ })
      .first()
      .click()
    await shows(page, "pre", /begin\s+你好/)
    expect(await violations(page)).toEqual([])
    await page.goBack()
  }, 60_000)

  test("that failed opens at the end of what it said, with what is kept of it marked", async () => {
    const task = page.url()
    await page.getByRole("link", { name: en.action.edit }).click()
    const line = 'echo "part $i of the archive is copied to /srv/backup"'
    await page.locator("#shell").fill(`for i in $(seq 1 5000); do ${line}; done; echo the disk is full; exit 4`)
    await press(page, cron.form.save)
    await waitFor(async () => (await page.locator("#cron-place").textContent()) === "", { what: "the edit is there" })
    await press(page, cron.start)
    await confirm(cron.start)
    await shows(page, "#cron-runs tbody tr:first-child", cron.exitCode(4))
    await page
      .locator("#cron-runs")
      .getByRole("link", { name: /Output/ })
      .first()
      .click()
    const box = page.locator("pre.code-tall")
    await shows(page, "pre.code-tall", "the disk is full")
    const below = () => box.evaluate((pre) => pre.scrollHeight - pre.clientHeight - pre.scrollTop)
    await waitFor(async () => (await below()) < 2, { what: "its last line is in sight" })
    expect(await box.evaluate((pre) => pre.scrollTop)).toBeGreaterThan(1_000)
    const marks = await page.locator(".code-mark").allTextContents()
    expect(marks[0]).toBe(cron.firstPart("64 KiB"))
    expect(marks[1]).toMatch(/^[\d.]+ KiB between are not kept · The last 64 KiB$/)
    expect(await violations(page)).toEqual([])
    await page.goto(task)
  }, 60_000)

  test("is stopped with all that it started", async () => {
    await page.getByRole("link", { name: en.action.edit }).click()
    await page.locator("#shell").fill("echo one; sleep 5; echo two; sleep 600 & sleep 600")
    await press(page, cron.form.save)
    await shows(page, "#cron-facts", "sleep 600")
    await waitFor(async () => (await page.locator("#cron-place").textContent()) === "", { what: "the edit is there" })
    await press(page, cron.start)
    await confirm(cron.start)
    await shows(page, "#cron-runs tr", cron.state.running)
    // What it prints comes by itself.
    const task = page.url()
    await page
      .locator("#cron-runs")
      .getByRole("link", { name: /Output/ })
      .first()
      .click()
    await shows(page, "pre.code-tall", "one")
    expect(await page.locator("pre.code-tall").textContent()).not.toContain("two")
    await shows(page, "pre.code-tall", /one\s+two/)
    await page.goto(task)
    await page.locator("#cron-runs").getByRole("button", { name: /Stop/ }).click()
    await confirm(cron.stop)
    await shows(page, "#cron-runs tr", cron.state.stopped)
  }, 60_000)

  test("that another has changed meanwhile shows what differs, to be chosen from", async () => {
    const task = page.url()
    await page.getByRole("link", { name: en.action.edit }).click()
    await page.locator("#expression").waitFor()
    const change = { schedule: { kind: "cron", expression: "15 4 * * *", timeZone: "Asia/Shanghai" }, retries: 2 }
    await cluster.api.call("PUT", "/cron/hello", change)
    await page.locator("#expression").fill("45 5 * * *")
    await press(page, cron.form.save)
    await shows(page, "#cron-form [role=alert]", /Meanwhile cli saved revision/)
    const row = (label: string) => page.locator(".table-conflict tbody tr", { hasText: label })
    expect(await row(cron.form.when).innerText()).toMatch(/15 4 \* \* \*[^]+45 5 \* \* \*/)
    expect(await page.locator("#retries").inputValue()).toBe("2")
    expect(await violations(page)).toEqual([])
    await page.locator("#conflict-when-theirs").check()
    await waitFor(async () => (await page.locator("#expression").inputValue()) === "15 4 * * *", { what: "theirs" })
    await page.locator("#conflict-when-mine").check()
    await waitFor(async () => (await page.locator("#expression").inputValue()) === "45 5 * * *", { what: "mine" })
    await press(page, cron.form.save)
    await page.waitForURL(task)
    const after = await cluster.api.call<{ schedule: unknown; retries: number }>("GET", "/cron/hello")
    expect(after).toMatchObject({ schedule: { expression: "45 5 * * *" }, retries: 2 })
  }, 60_000)

  test("is disabled and enabled again, found by search, and told on the list", async () => {
    await press(page, cron.disable)
    await shows(page, "#cron-state", cron.disabled)
    await page.locator("#toasts").getByRole("button", { name: en.action.undo }).click()
    await waitFor(async () => (await page.locator("#cron-state").textContent()) === "", { what: "it is enabled" })
    await page.goto(`${cluster.url}/cron?q=sleep`)
    await shows(page, "tr", /hello[^]*first[^]*Stopped/)
    expect(await violations(page)).toEqual([])
    await page.goto(`${cluster.url}/cron?q=nothing`)
    await shows(page, "main", cron.noMatch)
  }, 60_000)

  test("moves to another node; while the former one is away it waits, and says for whom", async () => {
    const tasks = await cluster.api.call<ReadonlyArray<{ id: string }>>("GET", "/cron")
    const path = `/cron/${tasks[0]?.id}`
    const first = cluster.agents[0]
    await first?.stop()
    await waitFor(async () => (await cluster.node("127.48.3.100"))?.connection === "away")
    await page.goto(`${cluster.url}${path}/edit`)
    await page.locator("#node").selectOption({ label: "second (127.48.3.101)" })
    await press(page, cron.form.save)
    await shows(page, "#cron-place", cron.waitsAway("first"))
    expect(await violations(page)).toEqual([])
    await press(page, cron.moveAnyway)
    await confirm(cron.moveAnyway)
    await waitFor(async () => (await page.locator("#cron-place").textContent()) === "", { what: "it has moved" })
    await press(page, cron.start)
    await confirm(cron.start)
    await shows(page, "#cron-runs tr", /Running[^]*second/)
    await page.getByRole("button", { name: en.action.more }).click()
    await page.getByRole("button", { name: cron.remove }).click()
    await confirm(cron.remove)
    await shows(page, "main", cron.empty)
  }, 90_000)

  test("breaks no policy and throws nothing", () => {
    expect(errors.filter((error) => !/422|409/.test(error))).toEqual([])
  })
})

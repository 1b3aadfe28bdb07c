import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import type { Browser, Page } from "playwright-core"
import { en } from "../../ui/messages/en.ts"
import { adminPassword, launchBrowser, openViewer } from "../support/browser.ts"
import { Cluster, online } from "../support/cluster.ts"
import { logIn, press, shows } from "../support/pages.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(180_000)

const ips = ["127.47.3.100", "127.47.3.101"] as const
let cluster: Cluster
let browser: Browser
let page: Page
let errors: ReadonlyArray<string>
let id: string
beforeAll(async () => {
  cluster = new Cluster("127.47.3.1")
  await cluster.ready()
  for (const ip of ips) await cluster.join(ip, "executable", ["--name", `node-${ip.slice(-3)}`, "--gateway=off"])
  await cluster.greeter(
    "shop",
    ips.map((ip) => online(ip, 9147)),
    { workers: 1 },
  )
  id = (await cluster.api.service("shop")).id
  browser = await launchBrowser()
  const viewer = await openViewer(browser)
  page = viewer.page
  page.setDefaultTimeout(30_000)
  errors = viewer.errors
  await logIn(page, { url: cluster.url, password: adminPassword(cluster.manager.output) })
})
afterAll(async () => {
  await browser.close()
  await cluster[Symbol.asyncDispose]()
})

const workersOf = (ip: string) => cluster.agents.find((agent) => agent.ip === ip)!.workers()
const place = (node: string) => page.locator("section.instance", { hasText: node })
const confirm = (name: string) => page.locator("dialog").getByRole("button", { name, exact: true }).click()
const { deed, rollout, spec } = en

test("a new revision is kept back, goes to one node first, and then to all", async () => {
  await page.goto(`${cluster.url}/services/${id}/process`)
  await page.locator("[name=workers]").fill("2")
  await press(page, spec.saveOnly)
  await shows(page, "#rollout", rollout.held(2))
  await place("node-101")
    .getByRole("button", { name: rollout.pushHere(2) })
    .click()
  await confirm(rollout.pushHere(2))
  await waitFor(() => workersOf(ips[1]).length === 2, { what: "two workers on the chosen node" })
  await shows(page, "section.instance", /node-101[^]*r2/)
  expect(workersOf(ips[0])).toHaveLength(1)
  await page.getByRole("button", { name: rollout.pushAll(2) }).click()
  await confirm(rollout.pushAll(2))
  await waitFor(() => workersOf(ips[0]).length === 2, { what: "two workers on the other" })
  await shows(page, "#rollout", rollout.all(2, 2))
})

test("one node is stopped and started again, and the page says what came of it", async () => {
  await place("node-101").getByRole("button", { name: deed.stop, exact: false }).last().click()
  await confirm(deed.stop)
  await shows(page, ".reload-words", deed.done.stop)
  await shows(page, "section.instance", en.processes.stoppedHere)
  expect([workersOf(ips[0]).length, workersOf(ips[1]).length]).toEqual([2, 0])
  await place("node-101").getByRole("button", { name: deed.start, exact: false }).first().click()
  await shows(page, ".reload-words", deed.done.start)
  await waitFor(() => workersOf(ips[1]).length === 2, { what: "it runs again" })
})

test("the service is scaled in a dialog that refuses what is no number", async () => {
  await press(page, deed.scale)
  await page.locator("#count").fill("many")
  await confirm(deed.scale)
  await shows(page, "#count-error", deed.scaleRange(0))
  await page.locator("#count").fill("3")
  await confirm(deed.scale)
  await waitFor(() => workersOf(ips[0]).length === 3, { what: "three workers" })
  await shows(page, "#rollout", rollout.all(3, 2))
})

test("a command is set by its form, which changes with what is chosen and names what is wrong", async () => {
  await cluster.api.create("ticker", [])
  const { id: ticker } = await cluster.api.service("ticker")
  await page.goto(`${cluster.url}/services/${ticker}/process`)
  await page.locator("#kind-command").click()
  await page.locator("#command").fill("exec sleep 600")
  await page.locator("[name=node]").first().check()
  await page.locator("#instance-count").fill("x")
  await press(page, spec.save)
  await shows(page, "#instance-count-error", spec.problem.wholeAny)
  await page.locator("#fold-liveness summary").click()
  await page.locator("#liveness-kind").selectOption("exec")
  await page.locator("#liveness-command").fill("true")
  await page.locator("#instance-count").fill("2")
  await page.locator("#spec-json").click()
  await waitFor(async () => (await page.locator("#json").inputValue()).includes('"exec sleep 600"'))
  await press(page, spec.save)
  await shows(page, "section.instance", en.worker.RUNNING)
  const { process } = await cluster.api.service("ticker")
  expect(process?.spec).toMatchObject({ kind: "command", instances: 2, liveness: { kind: "exec" } })
})

test("several services are stopped and started at once, each with its result", async () => {
  await page.goto(`${cluster.url}/services`)
  for (const name of ["shop", "ticker"]) await page.getByLabel(en.bulk.select(name)).check()
  await page.locator("#bulk").getByRole("button", { name: en.bulk.title.stop, exact: true }).click()
  await confirm(en.bulk.title.stop)
  await shows(page, "#bulk-job", en.bulk.finished.stop(2, 2))
  expect(await page.locator("#bulk-job li", { hasText: en.bulk.state.done }).count()).toBe(2)
  await shows(page, "tr", /shop[^]*Stopped/)
  expect([workersOf(ips[0]).length, workersOf(ips[1]).length]).toEqual([0, 0])
  await page.locator("#bulk").getByRole("button", { name: en.bulk.title.start, exact: true }).click()
  await shows(page, "#bulk-job", en.bulk.finished.start(2, 2))
  await waitFor(() => workersOf(ips[0]).length === 3, { what: "it runs again" })
  // A browser says so of each answer that has an error at a field.
  expect(errors.filter((error) => !error.includes("422"))).toEqual([])
})

test("a crash report opens at what was said last, and tells it in the reader's own time", async () => {
  await cluster.api.create("faller", [])
  const shell = "for i in $(seq 1 120); do echo step $i is done; done; echo no such file >&2; sleep 0.4; exit 7"
  await cluster.api.call("PUT", "/services/faller/process", {
    kind: "command",
    command: { shell },
    nodes: [ips[0]],
    startMs: 100,
    restart: "never",
  })
  const { id: faller } = await cluster.api.service("faller")
  await page.goto(`${cluster.url}/services/${faller}/process`)
  await page
    .locator("#crashes")
    .getByRole("link", { name: /node-100/ })
    .click()
  const log = page.locator("pre.crash-log")
  await shows(page, "pre.crash-log", "no such file")
  const below = () => log.evaluate((box) => box.scrollHeight - box.clientHeight - box.scrollTop)
  await waitFor(async () => (await below()) < 2, { what: "its last line is in sight" })
  expect(await log.evaluate((box) => box.scrollTop)).toBeGreaterThan(500)
  const east = await browser.newContext({
    timezoneId: "Asia/Shanghai",
    storageState: await page.context().storageState(),
  })
  const other = await east.newPage()
  await other.goto(page.url())
  const [at = ""] = await other
    .locator("pre.crash-log time")
    .evaluateAll((times) => [times[0]?.getAttribute("datetime")])
  const shown = new Date(Date.parse(at ?? "") + 8 * 3_600_000).toISOString().slice(11, 23)
  await waitFor(async () => (await other.locator("pre.crash-log time").first().textContent())?.trim() === shown, {
    what: `the time as ${shown}`,
  })
  await east.close()
})

test("who saves what another has changed meanwhile is told so in the form, and nowhere else that it failed", async () => {
  await cluster.api.process("shop", { workers: 2 })
  await page.goto(`${cluster.url}/services/${id}/process`)
  const { process } = await cluster.api.service("shop")
  const revision = (process?.revision ?? 0) + 1
  await cluster.api.process("shop", { workers: 1, drainTimeoutMs: 20_000 })
  await page.locator("[name=workers]").fill("4")
  await press(page, spec.saveOnly)
  await shows(page, "#process-form [role=alert]", en.conflict.summary(revision, "cli"))
  expect(await page.locator("#toasts", { hasText: en.problem.failed }).count()).toBe(0)
  const row = (label: string) => page.locator(".table-conflict tbody tr", { hasText: label })
  expect(await row(spec.label.workers).innerText()).toMatch(/before: 2\s+1\s+4/)
  // What only the other one has changed is in the form; what both have is to be chosen.
  expect(await page.locator("[name=drainTimeoutMs]").inputValue()).toBe("20 s")
  expect(await page.locator("[name=workers]").inputValue()).toBe("4")
  await page.getByRole("radio", { name: `${en.conflict.takeTheirs(spec.label.workers)}: 1` }).check()
  await waitFor(async () => (await page.locator("[name=workers]").inputValue()) === "1", { what: "their value" })
  await page.getByRole("button", { name: en.conflict.allMine }).click()
  await waitFor(async () => (await page.locator("[name=drainTimeoutMs]").inputValue()) === "30 s", { what: "mine" })
  expect(await page.locator("[name=workers]").inputValue()).toBe("4")
  await page.getByRole("radio", { name: `${en.conflict.takeTheirs(spec.label.drainTimeoutMs)}: 20 s` }).check()
  await waitFor(async () => (await page.locator("[name=drainTimeoutMs]").inputValue()) === "20 s", { what: "theirs" })
  await press(page, spec.saveOnly)
  await shows(page, "#toasts", spec.savedOnly(revision + 1))
  const after = await cluster.api.service("shop")
  expect(after.process?.spec).toMatchObject({ workers: 4, drainTimeoutMs: 20_000 })
  expect(await page.locator(".table-conflict").count()).toBe(0)
})

import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import axe from "axe-core"
import type { Browser, Page } from "playwright-core"
import { rpcOf } from "../../src/domain/ProcessSpec.ts"
import { connect } from "../../src/client/index.ts"
import { en } from "../../ui/messages/en.ts"
import { adminPassword, launchBrowser, openViewer } from "../support/browser.ts"
import { Cluster, online } from "../support/cluster.ts"
import { logIn, press, shows } from "../support/pages.ts"

const module = join(import.meta.dirname, "../flows/modules/probe.ts")
const { calls, process, tasks } = en

const violations = async (page: Page) => {
  await page.evaluate(axe.source)
  const found = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as {
    violations: ReadonlyArray<{ id: string }>
  }
  return found.violations.map(({ id }) => id)
}

describe("the calls of a service that runs", () => {
  let cluster: Cluster
  let browser: Browser
  let page: Page
  let errors: ReadonlyArray<string>
  let serviceId: string

  beforeAll(async () => {
    cluster = new Cluster("127.1.61.1")
    await cluster.ready()
    const agent = await cluster.join("127.1.61.100")
    await cluster.greeter("probe", [online(agent.ip, 9100)], { module })
    serviceId = (await cluster.api.service("probe")).id
    browser = await launchBrowser()
    ;({ page, errors } = await openViewer(browser))
    await logIn(page, { url: cluster.url, password: adminPassword(cluster.manager.output) })
  }, 90_000)

  afterAll(async () => {
    await browser.close()
    await cluster[Symbol.asyncDispose]()
  }, 30_000)

  test("are seen live by method, with their errors, and what is open stays open", async () => {
    await page.goto(`${cluster.url}/services/${serviceId}/calls`)
    await shows(page, "#calls-methods", "TestService.test")
    await page.locator("summary", { hasText: "fail" }).click()
    await using client = Object.assign(connect("probe", { dataDir: cluster.agents[0]?.data ?? "" }), {
      [Symbol.asyncDispose]: async () => client.close(),
    })
    for (let call = 0; call < 20; call++) await client.call("who")
    for (let call = 0; call < 5; call++) await client.call("fail").catch(() => undefined)
    // The page gets these figures from the node, by the stream.
    await shows(page, "details[open]", "internal")
    await shows(page, "#calls-figures", calls.latency)
    expect(await page.locator(".chart").count()).toBe(2)
    expect(await page.locator("details.method[open]").count()).toBe(1)
    expect(await violations(page)).toEqual([])
  }, 60_000)

  test("are made from the page: the arguments follow the method, the answer comes with its time", async () => {
    await page
      .locator("details.method[open]")
      .getByRole("button", { name: calls.console.chooseOf("fail") })
      .click()
    await page.locator("input[name=shown][value=fail]").waitFor({ state: "attached" })
    await page.locator("#method").fill("TestService.test")
    await page.locator("#method").press("Tab")
    await page.locator("#rest").fill('["世界", 7]')
    await press(page, calls.console.call)
    await shows(page, "#call-answer", "世界")
    await shows(page, "#call-muster", "muster call --timeout 5s --node 127.1.61.100 probe TestService.test")
    await press(page, calls.console.json)
    expect(JSON.parse(await page.locator("#json").inputValue())).toEqual(["世界", 7])
    await page.locator("#json").fill("[")
    await press(page, calls.console.call)
    await shows(page, "#json-error", "JSON")
    expect(await page.evaluate("document.activeElement.hasAttribute('data-error-summary')")).toBe(true)
    expect(await violations(page)).toEqual([])
  }, 60_000)

  test("go on while the service is reloaded, and the verdict stays on the page", async () => {
    await page.goto(`${cluster.url}/services/${serviceId}/process`)
    const before = (await cluster.api.service("probe")).process?.instances[0]?.status?.workers.map(({ pid }) => pid)
    await page.locator("#instances").getByRole("button", { name: process.reload }).first().click()
    await page.locator("dialog").getByRole("button", { name: process.reload, exact: true }).click()
    await shows(page, ".reload-done", process.reloadState.done(2))
    await page.reload()
    await shows(page, ".reload-done", process.reloadState.done(2))
    const after = (await cluster.api.service("probe")).process?.instances[0]?.status?.workers.map(({ pid }) => pid)
    expect(after?.some((pid) => before?.includes(pid))).toBe(false)
  }, 60_000)

  test("have settings that are kept, and put back to their defaults", async () => {
    const limits = page.locator("details.fold", { has: page.locator("#maxFrameBytes") })
    await limits.locator("summary").click()
    await page.locator("#maxFrameBytes").fill("4 MiB")
    const back = limits.getByRole("button", { name: en.settings.default("2 MiB") })
    await back.waitFor()
    await press(page, en.spec.save)
    await shows(page, "details.fold .fold-note", `${en.settings.label.maxFrameBytes} 4 MiB`)
    const spec = (await cluster.api.service("probe")).process?.spec
    expect(spec && rpcOf(spec).maxFrameBytes).toBe(4 * 1024 ** 2)
    await limits.locator("summary").click()
    await back.click()
    expect(await page.locator("#maxFrameBytes").inputValue()).toBe("2 MiB")
    expect(await back.isVisible()).toBe(false)
  }, 60_000)

  test("that queue work show what was given up, which is queued again or thrown away", async () => {
    const agent = cluster.agents[0]
    const queued = join(import.meta.dirname, "../flows/modules/queued.ts")
    await cluster.greeter("queue", [online(agent?.ip ?? "", 9101)], { module: queued, rpc: { taskWorkers: 1 } })
    const client = connect("queue", { dataDir: agent?.data ?? "", timeoutMs: 5_000 })
    for (const file of ["a.png", "b.png", "c.png"]) await client.call("later", file)
    client.close()
    const { id } = await cluster.api.service("queue")
    await page.goto(`${cluster.url}/services/${id}/tasks`)
    const letters = page.locator("#task-letters tbody tr")
    await letters.nth(2).waitFor()
    await shows(page, "#task-letters", "no space left for c.png")
    expect(await violations(page)).toEqual([])
    const [first] = await page.locator("#task-letters tbody input").all()
    await first?.check()
    await page.getByRole("button", { name: tasks.discardSelected }).click()
    await page.locator("dialog").getByRole("button", { name: tasks.discardSelected, exact: true }).click()
    await shows(page, "#toasts", tasks.discarded(1))
    await page.getByRole("button", { name: tasks.requeueAll, exact: true }).click()
    await page.locator("dialog").getByRole("button", { name: tasks.requeueAll, exact: true }).click()
    await shows(page, "#toasts", tasks.requeued(2))
    // They fail again, and come back by themselves.
    await letters.nth(1).waitFor()
    await page.getByRole("button", { name: tasks.discardAll, exact: true }).click()
    await page.locator("dialog input").fill("queue")
    await page.locator("dialog").getByRole("button", { name: tasks.discardAll, exact: true }).click()
    await shows(page, "#task-letters", tasks.none)
  }, 90_000)

  test("no page of these breaks the policy or throws", () => {
    expect(errors.filter((error) => !error.includes("422"))).toEqual([])
  })
})

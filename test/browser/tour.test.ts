import { join } from "node:path"
import { expect, test } from "bun:test"
import { connect } from "../../src/client/index.ts"
import { en } from "../../ui/messages/en.ts"
import { adminPassword, launchBrowser, openViewer } from "../support/browser.ts"
import { Agent, Cluster, online } from "../support/cluster.ts"
import { addClients, logIn, makeToken, press, pushAll, shows } from "../support/pages.ts"
import { waitFor } from "../support/waitFor.ts"

const module = join(import.meta.dirname, "../flows/modules/probe.ts")
const addresses = ["127.1.1.100", "127.1.1.101", "127.1.1.102"]

test("a newcomer joins three nodes, adds a service, pushes its list, and 300 calls reach workers on all three", async () => {
  await using cluster = new Cluster("127.1.1.100")
  await cluster.ready()
  await using browser = await launchBrowser()
  const { page, errors } = await openViewer(browser)
  await logIn(page, { url: cluster.url, password: adminPassword(cluster.manager.output) })

  const token = await makeToken(page, "many")
  for (const ip of addresses) {
    const agent = new Agent(ip, join(cluster.folder, ip), "executable")
    cluster.agents.push(agent)
    agent.start([`--join=${cluster.url}`, `--token=${token}`])
  }
  for (const agent of cluster.agents) {
    await agent.process?.until(`${agent.ip} has joined`, async () => (await cluster.node(agent.ip)) !== undefined)
  }
  await page.goto(`${cluster.url}/nodes`)
  for (const ip of addresses) await shows(page, "tr", new RegExp(`${ip}[^]*${en.connection.connected}`))

  await page.goto(`${cluster.url}/services`)
  await page.getByRole("link", { name: "node_manager" }).click()
  for (const ip of addresses) await shows(page, "tr", `${ip}:8821`)
  await addClients(page, ["127.1.1.100"])
  await pushAll(page, 1)
  await shows(page, "#push", en.push.ok(1))
  const [first, second] = cluster.agents
  await waitFor(() => first?.list("node_manager")?.endpoints.length === 3, { what: "the list of agents on the disk" })

  await page.getByRole("link", { name: en.nav.services }).first().click()
  await page.getByRole("link", { name: en.services.add }).first().click()
  await page.locator("#name").fill("TestService")
  await page.locator("#description").fill("the tour's own service")
  await page.locator("#mode-json").click()
  await page.locator("#json").fill(JSON.stringify(addresses.map((ip) => online(ip, 9100))))
  await page.locator("#format-json").click()
  await waitFor(async () => (await page.locator("#json").inputValue()).includes("\n"), { what: "formatted JSON" })
  await press(page, en.form.create)
  await page.locator("h1", { hasText: "TestService" }).waitFor()
  for (const ip of addresses) await shows(page, "tr", `${ip}:9100`)

  await page.getByRole("link", { name: en.service.tabs.process }).click()
  await page.locator("[name=module]").fill(module)
  await page.locator("[name=workers]").fill("2")
  await press(page, en.spec.save)
  await addClients(page, addresses)
  await pushAll(page, 3)
  await shows(page, "#push", en.push.ok(3))
  for (const agent of cluster.agents) {
    await waitFor(() => agent.list("TestService")?.revision === 1, { what: `${agent.ip} has the list` })
    await waitFor(() => agent.workers().length === 2, { what: `two workers on ${agent.ip}` })
  }
  await page.getByRole("link", { name: en.service.tabs.endpoints }).click()
  for (const ip of addresses) await shows(page, "tr", new RegExp(`${ip}:9100[^]*${en.observed.up}`))

  const client = connect("TestService", { dataDir: second?.data, timeoutMs: 5_000 })
  const answers = await Promise.all(
    Array.from({ length: 300 }, () => client.call<{ pid: number }>("who").then(({ pid }) => pid)),
  )
  client.close()
  for (const agent of cluster.agents) {
    const pids = new Set(agent.workers().map(({ pid }) => pid))
    expect(answers.filter((pid) => pids.has(pid)).length).toBeGreaterThan(50)
  }
  expect(errors).toEqual([])
}, 180_000)

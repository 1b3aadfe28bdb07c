// Makes docs/service.png, the picture of the README: the real page of a real fleet, with a push under way.
import { join } from "node:path"
import { adminPassword, launchBrowser, openViewer } from "../test/support/browser.ts"
import { Cluster, online } from "../test/support/cluster.ts"
import { root } from "../test/support/executable.ts"
import { logIn, press, shows } from "../test/support/pages.ts"
import { en } from "../ui/messages/en.ts"
import { SimulatedAgent } from "./benchmarks/SimulatedAgent.ts"

const names = ["web-1", "web-2", "web-3", "api-1", "api-2", "cron-1", "reports-1"]
const endpoints = (weight: number) => [online("127.1.40.100", 9101), online("127.1.40.101", 9101, weight)]

const take = async () => {
  await using cluster = new Cluster("127.1.40.1")
  await cluster.ready()
  await cluster.join("127.1.40.100", "executable", ["--name=shop-1"])
  await cluster.join("127.1.40.101", "executable", ["--name=shop-2"])
  const token = await cluster.token("many")
  const agents = names.map((name, index) => new SimulatedAgent(`127.1.40.${110 + index}`, cluster.folder, name))
  for (const agent of agents) await agent.join(cluster.url, token)
  await cluster.greeter("greeter", endpoints(100))
  await cluster.api.clients("greeter", [...agents.map(({ ip }) => ip), "127.1.40.120"])
  await cluster.api.push("greeter")
  await cluster.api.call("PUT", "/services/greeter", { endpoints: endpoints(50) })
  for (const agent of agents.slice(-2)) agent.ackDelayMs = 2_800

  await using browser = await launchBrowser()
  const { page } = await openViewer(browser)
  await logIn(page, { url: cluster.url, password: adminPassword(cluster.manager.output) })
  const { id } = await cluster.api.service("greeter")
  await page.goto(`${cluster.url}/services/${id}/clients`)
  const count = agents.length + 3
  await press(page, en.clients.pushAll(count))
  await page
    .locator("dialog")
    .getByRole("button", { name: en.push.go(count) })
    .click()
  await shows(page, "#push", en.push.ok(count - 3))
  await page.screenshot({ path: join(root, "docs/service.png") })
  await shows(page, "#push", en.push.ok(count - 1))
}

await take()
// The simulated agents still listen.
process.exit()

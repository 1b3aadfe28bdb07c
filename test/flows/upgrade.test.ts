import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "bun:test"
import { Installed } from "../support/builds.ts"
import { Cluster, online } from "../support/cluster.ts"
import { waitFor } from "../support/waitFor.ts"

test("an executable that does not run takes no agent's place, and one that does knows how the workers end", async () => {
  using installed = new Installed()
  await using cluster = new Cluster("127.43.3.1")
  await cluster.ready()
  const agent = await cluster.join("127.43.3.100", "executable", [], installed.path)
  await cluster.greeter("greeter", [online(agent.ip, 9100)], { workers: 2 })
  const workers = () => agent.workers().map(({ pid }) => pid)
  const before = workers()
  const { process: muster } = agent
  if (muster === undefined) throw new Error("no agent")
  const { pid } = muster

  const broken = join(cluster.folder, "broken")
  writeFileSync(broken, "#!/bin/sh\necho it is broken >&2\nexit 3\n")
  chmodSync(broken, 0o755)
  installed.put(broken)
  muster.signal("SIGHUP")
  await muster.until("the refusal", () => muster.output.includes("not upgraded, and going on as before"))
  expect(muster.output).toContain("it is broken")
  expect((await agent.call("greeter", "hello", '"世界"')).code).toBe(0)

  const version = installed.exchange()
  muster.signal("SIGHUP")
  await muster.until(`version ${version}`, () => muster.stdout.includes(`Muster ${version},`), 30_000)
  expect(muster.pid).toBe(pid)
  expect(workers()).toEqual(before)
  process.kill(before[0] ?? 0, "SIGKILL")
  // The agent is still their parent, so that is known.
  await muster.until("the end of a worker", () => muster.output.includes("killed by SIGKILL"))
  await waitFor(() => workers().length === 2 && !workers().includes(before[0] ?? 0), { timeoutMs: 20_000 })
  expect(workers()).toContain(before[1] ?? 0)

  // It can be done again, and a stop after it leaves nothing behind.
  const again = installed.exchange()
  muster.signal("SIGHUP")
  await muster.until(`version ${again}`, () => muster.stdout.split(`Muster ${again},`).length === 3, 30_000)
  expect(muster.pid).toBe(pid)
  expect(await agent.stop()).toBe(0)
  expect(agent.workers()).toEqual([])
}, 180_000)

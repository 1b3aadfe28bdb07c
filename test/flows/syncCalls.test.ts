import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "bun:test"
import { TestServer } from "../client/fixtures/TestServer.ts"
import { Cluster, online } from "../support/cluster.ts"

test("a module in the executable's workers calls other services synchronously", async () => {
  await using server = await TestServer.start()
  await using cluster = new Cluster("127.1.44.1")
  await cluster.ready()
  const agent = await cluster.join("127.1.44.100")
  // Nothing else is in its folder: the library is the executable's own.
  const module = join(cluster.folder, "relay.ts")
  writeFileSync(
    module,
    `import { connectSync } from "muster/client"
     const greeter = connectSync("greeter", { endpoints: ${JSON.stringify([server.endpoint()])}, timeoutMs: 5_000 })
     export const relay = (name: string): string => greeter.call("hello", name)`,
  )
  await cluster.greeter("relay", [online(agent.ip, 9100)], { module, workers: 1 })
  const { code, output } = await agent.call("relay", "relay", "you", "--timeout=10000")
  expect(output).toContain("Hello, you!")
  expect(code).toBe(0)
}, 60_000)

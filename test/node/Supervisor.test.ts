import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { greeterModule } from "../support/executable.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, callOnce, TestNode } from "./TestNode.ts"

test("a service's workers answer on its port, and a stop leaves no process behind", async () => {
  await using node = await (await new TestNode().join()).start()
  const port = await freePort()
  await node.apply(1, assignment({ ip: "127.0.0.1", port }, greeterModule))
  const pids = await node.running(2)
  expect(new Set(pids).size).toBe(2)
  expect(await callOnce(port, "hello", ["世界"])).toMatch(/^Hello, 世界! Process \d+ says so\.$/)
  await node.stop()
  expect(node.left()).toEqual([])
  expect(readFileSync(node.path("logs", `greeter@${port}.log`), "utf8")).toContain("ready with 2 methods")
})

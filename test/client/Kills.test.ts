import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "bun:test"
import { CallError, connect } from "../../src/client/index.ts"
import { randomOf } from "../support/random.ts"
import { temporaryFolder } from "../support/muster.ts"
import { TestServer } from "./fixtures/TestServer.ts"

const kills = 30

test(`no call that was run is said not to have been, over ${kills} kills at random moments`, async () => {
  using folder = temporaryFolder()
  const journal = join(folder.path, "ran")
  writeFileSync(journal, "")
  const random = randomOf(4)
  const start = () => TestServer.start({ journal })
  let servers = [await start(), await start()]
  const client = connect("greeter", { endpoints: servers.map((server) => server.endpoint()), timeoutMs: 3_000 })
  const outcomes = new Map<string, string>()
  const stop = new AbortController()
  let lastId = 0
  const caller = async () => {
    while (!stop.signal.aborted) {
      const id = `${++lastId}`
      const outcome = await client.call("journal", id).then(
        () => "yes",
        (error: unknown) => (error instanceof CallError ? error.executed : String(error)),
      )
      outcomes.set(id, outcome)
    }
  }
  const callers = Array.from({ length: 16 }, caller)
  for (let nth = 0; nth < kills; nth++) {
    await Bun.sleep(5 + random() * 40)
    const [victim, other] = servers as [TestServer, TestServer]
    await victim.kill()
    servers = [other, await TestServer.start({ journal, port: victim.port })]
  }
  stop.abort()
  await Promise.all(callers)
  client.close()
  for (const server of servers) await server.kill()
  const ran = readFileSync(journal, "utf8")
    .split("\n")
    .filter((id) => id !== "")
  const said = (outcome: string) => [...outcomes].filter(([, each]) => each === outcome).map(([id]) => id)
  expect([...new Set(outcomes.values())].filter((outcome) => !["yes", "no", "maybe"].includes(outcome))).toEqual([])
  // Each kill may lose what runs, and that must have happened for this to show anything.
  expect(said("maybe").length).toBeGreaterThan(0)
  expect(said("no").filter((id) => ran.includes(id))).toEqual([])
  const times = new Map<string, number>()
  for (const id of ran) times.set(id, (times.get(id) ?? 0) + 1)
  expect([...times].filter(([, count]) => count > 1)).toEqual([])
  expect(said("yes").filter((id) => !times.has(id))).toEqual([])
}, 60_000)

import { afterEach, expect, setDefaultTimeout, test } from "bun:test"
import { join } from "node:path"
import { denoPath, root } from "../support/executable.ts"
import { freePort } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"
import { assignment, entry, TestNode } from "./TestNode.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

const agent = join(root, "test/node/fixtures/agent.ts")
const runtimes = {
  bun: [process.execPath, agent],
  deno: [denoPath(), "run", "-A", "-q", "--unstable-net", agent],
}

const agents: Array<Bun.Subprocess> = []
afterEach(() => {
  for (const one of agents.splice(0)) if (one.exitCode === null) one.kill("SIGKILL")
})

const startAgent = async (node: TestNode, runtime: keyof typeof runtimes) => {
  const log = node.path("agent.log")
  await Bun.write(log, "")
  const child = Bun.spawn([...runtimes[runtime], node.dataDir, entry], {
    cwd: root,
    stdin: "ignore",
    stdout: Bun.file(log),
    stderr: "inherit",
  })
  agents.push(child)
  const port = await waitFor(async () => /^PORT (\d+)$/m.exec(await Bun.file(log).text())?.[1], { timeoutMs: 20_000 })
  await node.attach(Number(port))
  return child
}

const servingText = "export const pid = () => process.pid"
/** Says that it is being loaded, and never comes to an end of that. */
const never = {
  "waits for ever": (mark: string) =>
    `await said(${JSON.stringify(mark)}); await new Promise(() => setInterval(() => {}, 1000))`,
  "computes for ever": (mark: string) => `await said(${JSON.stringify(mark)}); for (;;);`,
}
const write = `import { writeFileSync } from "node:fs"\nconst said = async (path) => writeFileSync(path, String(process.pid))\n`

for (const runtime of ["bun", "deno"] as const)
  for (const [how, text] of Object.entries(never))
    for (const end of ["SIGKILL", "SIGTERM"] as const)
      test(`on ${runtime}, an agent that ends by ${end} leaves no successor behind whose module ${how}`, async () => {
        await using node = await new TestNode().join()
        const child = await startAgent(node, runtime)
        const listen = { ip: "127.0.0.1", port: await freePort() }
        const module = node.module("work.js", servingText)
        await node.apply(1, assignment(listen, module, { workers: 1 }))
        const serving = await node.running(1)
        const mark = node.path("loading")
        node.module("work.js", write + text(mark))
        void node.reload(`greeter@${listen.port}`).catch(() => undefined)
        await waitFor(() => Bun.file(mark).exists(), { timeoutMs: 20_000, what: "a successor" })
        child.kill(end)
        await child.exited
        // What serves goes on without its agent, unless that has stopped it.
        const stays = end === "SIGKILL" ? serving : []
        await waitFor(() => node.left().length === stays.length, { what: "the end of all others" })
        expect(node.left().map(({ pid }) => pid)).toEqual(stays)
      })

import { join } from "node:path"
import { expect, test } from "bun:test"
import { Cluster, online } from "../support/cluster.ts"

const module = join(import.meta.dirname, "modules/probe.ts")

test.each([
  { manager: "deno", first: "executable", second: "bun", net: 22 },
  { manager: "executable", first: "deno", second: "executable", net: 23 },
] as const)(
  "a manager on $manager, nodes on $first and $second call each other",
  async (runtimes) => {
    await using cluster = new Cluster(`127.1.${runtimes.net}.1`, runtimes.manager)
    await cluster.ready()
    const first = await cluster.join(`127.1.${runtimes.net}.100`, runtimes.first)
    const second = await cluster.join(`127.1.${runtimes.net}.101`, runtimes.second)
    await cluster.greeter("one", [online(first.ip, 9100)], { module, workers: 2, tls: "auto" })
    await cluster.greeter("two", [online(second.ip, 9200)], { module, workers: 2 })

    for (const caller of [first, second]) {
      for (const [service, callee] of [
        ["one", first],
        ["two", second],
      ] as const) {
        const { code, stdout, output } = await caller.call(service, "TestService::test", "世界", "[1,2]")
        expect(output).not.toBe("")
        expect(code).toBe(0)
        const answer = JSON.parse(stdout) as { args: ReadonlyArray<unknown>; pid: number }
        expect(answer.args).toEqual(["世界", [1, 2]])
        expect(callee.workers().map(({ pid }) => pid)).toContain(answer.pid)
      }
    }
  },
  120_000,
)

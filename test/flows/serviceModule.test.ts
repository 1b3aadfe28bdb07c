import { join } from "node:path"
import { expect, test } from "bun:test"
import { Cluster, online } from "../support/cluster.ts"
import { saidIn } from "../support/said.ts"
import { waitFor } from "../support/waitFor.ts"

const module = join(import.meta.dirname, "modules/service.ts")

test.each([
  { runtime: "executable", net: 61 },
  { runtime: "bun", net: 62 },
  { runtime: "deno", net: 63 },
] as const)(
  "a module on $runtime checks, calls on, streams and queues through muster/service",
  async ({ net, runtime }) => {
    await using cluster = new Cluster(`127.1.${net}.1`)
    await cluster.ready()
    const agent = await cluster.join(`127.1.${net}.100`, runtime)
    const rpc = { taskWorkers: 1 }
    await cluster.greeter("shop", [online(agent.ip, 9100)], { module, workers: 1, rpc })
    const call = async (method: string, ...args: ReadonlyArray<string>) => {
      const { output, stdout } = await agent.call("shop", method, "--timeout", "5s", ...args)
      return { output, value: stdout === "" ? undefined : (JSON.parse(stdout) as unknown) }
    }
    const log = () => saidIn(join(agent.data, "logs/shop@9100"))

    expect((await call("resize", '{"width":8}')).value).toEqual({ width: 4, isReady: true, certificate: null })
    expect((await call("resize", '{"width":"x"}')).output).toContain('[0].width: Expected number, given "x"')
    expect((await call("hops", "3")).value).toBe(3)
    const { stdout: items } = await agent.call("shop", "countdown", "3", "--stream")
    expect(items.trim().split("\n")).toEqual(["3", "2", "1"])
    await call("queue", "hello")
    await waitFor(() => /INFO {2}\[tasks\/0 \d+\] task ran {2}trace=[\da-f]{32} what=hello/.test(log()))
    expect(log()).not.toContain("no journal")
    const methods = (await call("methods")).value as ReadonlyArray<{ name: string; kind: string }>
    expect(methods.map(({ kind, name }) => `${name} ${kind}`)).toEqual([
      "countdown stream",
      "hops unary",
      "queue unary",
      "resize unary",
    ])
  },
  120_000,
)

import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { Cluster, online } from "../support/cluster.ts"
import { Muster, run } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const moduleText = (version: number) => `
  import { method } from "muster/service"
  const schema = (type, jsonSchema) => ({
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => (typeof value === type ? { value } : { issues: [{ message: "is no " + type }] }),
      jsonSchema: { input: () => jsonSchema, output: () => jsonSchema },
    },
  })
  export const twice = method({
    input: schema("number", { type: "number" }),
    output: schema("number", { type: "number" }),
    description: "两倍",
    idempotent: true,
    handler: (count) => count * 2,
  })
  export const version = () => ${version}
  export const fail = (why, ...more) => { throw new Error(why) }
  export async function* ticks(count = 3) { for (let at = 1; at <= count; at++) yield { at } }
`

const ips = ["127.1.44.100", "127.1.44.101"] as const
let cluster: Cluster
let module: string
beforeAll(async () => {
  cluster = new Cluster("127.1.44.1")
  module = join(cluster.folder, "shop.ts")
  writeFileSync(module, moduleText(1))
  await cluster.ready()
  for (const ip of ips) await cluster.join(ip, "executable", ["--name", `node-${ip.slice(-3)}`, "--gateway=off"])
  const endpoints = ips.map((ip) => online(ip, 9144))
  await cluster.greeter("shop", endpoints, { module, workers: 2 })
})
afterAll(() => cluster[Symbol.asyncDispose]())

/** A command of Muster with the data folder of the first node. */
const onNode = (...args: ReadonlyArray<string>) => run([...args, "--data", cluster.agents[0]!.data])
/** The same with that of the manager. */
const onManager = (...args: ReadonlyArray<string>) => run([...args, "--data", cluster.data])

const lines = (text: string) => text.trimEnd().split("\n")

test("muster methods lists what the module has, wide characters aligned", async () => {
  const { code, output, stdout } = await onNode("methods", "shop")
  expect({ code, output }).toEqual({ code: 0, output: stdout })
  expect(lines(stdout)).toEqual([
    "METHOD   PARAMETERS     KIND    IDEMPOTENT  DESCRIPTION",
    "fail     why, …         unary   -",
    "ticks    count?         stream  -",
    "twice    count: number  unary   yes         两倍",
    "version  -              unary   -",
  ])
  const methods = JSON.parse((await onNode("methods", "shop", "--json")).stdout) as ReadonlyArray<unknown>
  expect(methods).toContainEqual({
    name: "twice",
    parameters: [{ name: "count", optional: false, schema: { type: "number" } }],
    rest: false,
    kind: "unary",
    idempotent: true,
    output: { type: "number" },
    description: "两倍",
  })
})

test("muster types writes an interface of the methods, to a file too", async () => {
  const out = join(cluster.folder, "shop.d.ts")
  const written = await onNode("types", "shop", "--out", out)
  expect(written).toMatchObject({ code: 0, stdout: "", output: `${out}: 4 methods of shop\n` })
  const text = await Bun.file(out).text()
  expect(text).toContain("  twice(count: number): Promise<number>\n")
  expect(text).toContain("  ticks(count?: unknown): AsyncIterableIterator<unknown>\n")
  expect((await onNode("types", "shop")).stdout).toBe(text)
  const nowhere = await onNode("types", "shop", "--out", join(cluster.folder, "no/where.d.ts"))
  expect(nowhere.code).toBe(1)
  expect(nowhere.output).toStartWith("muster: Cannot write ")
})

describe("muster stats", () => {
  test("adds up the endpoints' figures, of one or of all", async () => {
    for (const ip of ips) {
      expect((await onNode("call", "shop", "fail", "why", "--node", ip, "--repeat=3", "--json")).code).toBe(1)
    }
    // Workers tell their agent what they have counted from time to time.
    const row = await waitFor(async () => {
      const { code, stdout } = await onNode("stats", "shop")
      expect(code).toBe(0)
      for (const ip of ips) expect(stdout).toContain(`${ip}:9144`)
      return lines(stdout).find((line) => /^fail +6 /.test(line))
    })
    expect(row).toMatch(/^fail +6 +- +0 +6 +[\d.]+ ms +[\d.]+ ms +[\d.]+ ms {2}internal 6$/)
    const settings = await onNode("stats", "shop", "--settings")
    expect(settings.code).toBe(0)
    expect(settings.stdout).toMatch(/^maxFrameBytes +2 MiB *$/m)
    expect(settings.stdout).toMatch(/^maxRequests +never *$/m)
    expect(settings.stdout).toMatch(/^workers +2 *$/m)
    const one = JSON.parse((await onNode("stats", "shop", "--node", ips[0], "--json")).stdout) as {
      readonly endpoints: ReadonlyArray<{ endpoint: string; stats: { worker_num: number } }>
      readonly methods: Record<string, unknown>
    }
    expect(one.endpoints).toMatchObject([{ endpoint: `${ips[0]}:9144`, stats: { worker_num: 2 } }])
    expect(one.methods["fail"]).toMatchObject({ calls: 3, errors: { internal: 3 }, perSecond: null })
  })

  test("--watch tells the calls since the last look, until Ctrl-C", async () => {
    const args = ["stats", "shop", "--watch", "--every=300ms", "--json", "--data", cluster.agents[0]!.data]
    await using watching = new Muster(args)
    await watching.until("two looks", () => lines(watching.stdout).length >= 2)
    await onNode("call", "shop", "version", "--repeat=40", "--concurrency=4", "--json")
    const rates = () =>
      lines(watching.stdout)
        .filter((line) => line.endsWith("}"))
        .map((line) => JSON.parse(line) as { methods: { version: { calls: number; perSecond: number | null } } })
        .map(({ methods }) => methods.version)
    await watching.until("the calls are counted", () => rates().at(-1)?.calls === 40 && rates().at(-1)?.perSecond === 0)
    expect(rates()[0]).toMatchObject({ calls: 0, perSecond: null })
    expect(Math.max(...rates().map(({ perSecond }) => perSecond ?? 0))).toBeGreaterThan(0)
    watching.signal("SIGINT")
    expect(await watching.exit()).toBe(130)
  })

  test("says which endpoint does not answer, and why", async () => {
    const nobody = await onNode("stats", "shop", "--node", "127.1.44.9")
    expect(nobody).toMatchObject({ code: 1, output: "muster: shop has no endpoint on 127.1.44.9\n" })
    const unknown = await onNode("stats", "nobody")
    expect(unknown.code).toBe(1)
    expect(unknown.output).toContain("There is no endpoint list at ")
  })
})

describe("muster reload", () => {
  const versions = async () =>
    await Promise.all(ips.map(async (ip) => (await onNode("call", "shop", "version", "--node", ip)).stdout.trim()))

  test("replaces the workers on one node, or on all", async () => {
    writeFileSync(module, moduleText(2))
    const one = await onManager("reload", "shop", "--node", "node-101")
    expect(one.code).toBe(0)
    expect(lines(one.stdout)).toEqual([
      expect.stringMatching(/^NODE +PROCESS +OUTCOME +NEW WORKERS +TOOK +REASON$/),
      expect.stringMatching(/^node-101 +shop@9144 +done +2 of 2 +\S+ m?s$/),
    ])
    expect(await versions()).toEqual(["1", "2"])
    const all = await onManager("reload", "shop", "--json")
    expect(all.code).toBe(0)
    expect(JSON.parse(all.stdout)).toMatchObject({
      verdicts: ips.map((ip) => ({ nodeName: `node-${ip.slice(-3)}`, outcome: "done", replaced: 2, total: 2 })),
    })
    expect(await versions()).toEqual(["2", "2"])
  })

  test("of a version that does not start leaves the old one serving, and answers 1 with the reason", async () => {
    writeFileSync(module, `throw new Error("there is no database")`)
    const { code, stdout } = await onManager("reload", "shop")
    expect(code).toBe(1)
    expect(lines(stdout).slice(1)).toEqual(
      ips.map((ip) =>
        expect.stringMatching(new RegExp(`^node-${ip.slice(-3)} .* failed +0 of 2 .*there is no database`)),
      ),
    )
    expect(await versions()).toEqual(["2", "2"])
    writeFileSync(module, moduleText(2))
  })

  test("that is refused says why", async () => {
    expect(await onManager("reload", "nobody")).toMatchObject({ code: 1, stdout: "" })
    const { code, output } = await onManager("reload", "shop", "--node", "elsewhere")
    expect(code).toBe(1)
    expect(output).toMatch(/^muster: [^\n]*elsewhere[^\n]*\n$/)
  })
})

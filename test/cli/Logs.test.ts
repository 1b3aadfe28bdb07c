import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { Cluster, online } from "../support/cluster.ts"
import { Muster, run } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const module = `
  import { context } from "muster/service"
  export const say = (text: string) => void console.log(text)
  export const note = (width: number) => context().log.warn("too wide", { width })
`

const ips = ["127.44.2.100", "127.44.2.101"] as const
let cluster: Cluster
beforeAll(async () => {
  cluster = new Cluster("127.44.2.1")
  const path = join(cluster.folder, "shop.ts")
  writeFileSync(path, module)
  await cluster.ready()
  for (const ip of ips) await cluster.join(ip, "executable", ["--name", `node-${ip.slice(-3)}`, "--gateway=off"])
  await cluster.greeter(
    "shop",
    ips.map((ip) => online(ip, 9146)),
    { module: path, workers: 1 },
  )
})
afterAll(() => cluster[Symbol.asyncDispose]())

const call = (ip: string, ...args: ReadonlyArray<string>) =>
  run(["call", "shop", ...args, "--node", ip, "--data", cluster.agents[0]!.data])
const logs = (...args: ReadonlyArray<string>) => run(["logs", "shop", ...args, "--data", cluster.data])

test("muster logs shows the lines of all nodes in the order of time, and what it is asked for of them", async () => {
  await call(ips[0], "say", "one 世界\u001b[31m")
  await call(ips[1], "note", "640")
  const { stdout } = await waitFor(async () => {
    const got = await logs()
    return got.stdout.includes("one 世界") && got.stdout.includes("too wide") && got
  })
  // A file has it as it is; to a terminal it would be a command.
  expect(stdout).toContain(" node-100/0 one 世界\u001b[31m\n")
  expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} node-100\/0 one 世界/m)
  expect(stdout).toMatch(/^\S+ \S+ node-101\/0 WARN {2}too wide {2}trace=[0-9a-f]{32} width=640$/m)
  expect((await logs("--output", "err")).stdout.trimEnd().split("\n")).toHaveLength(1)
  // A warning of `note`: what `say` prints on standard output counts as information.
  expect((await logs("--level=warn")).stdout).toMatch(/^\S+ \S+ node-101\/0 WARN {2}too wide {2}\S+ width=640\n$/)
  expect((await logs("--level=error")).stdout).toBe("")
  expect((await logs("--level=info", "--tail=1000")).stdout).toContain("one 世界")
  expect((await logs("--node", "node-101", "--search", "WORLD")).stdout).toBe("")
  expect((await logs("--since", "1h", "--until", "30m")).stdout).toBe("")
  const json = await logs("--json", "--search", "too WIDE", "--level=warn")
  const [line, caughtUp] = json.stdout
    .trimEnd()
    .split("\n")
    .map((text) => JSON.parse(text) as { text: string })
  expect(line).toMatchObject({ node: "node-101", process: "shop@9146", place: "0", stream: "err" })
  expect(caughtUp).toEqual({ event: "caughtUp" } as never)
  expect(json.code).toBe(0)
})

test("-f goes on until Ctrl-C", async () => {
  await using following = new Muster(["logs", "shop", "-f", "--tail", "0", "--data", cluster.data])
  await call(ips[1], "say", "before")
  await waitFor(async () => {
    await call(ips[0], "say", "fresh")
    return following.stdout.includes("node-100/0 fresh")
  })
  await waitFor(() => following.stdout.includes("node-101/0 before") || call(ips[1], "say", "before").then(() => false))
  following.signal("SIGINT")
  expect(await following.exit()).toBe(130)
  expect(following.output).not.toContain("muster: ")
})

test("what can't be asked is refused in one line", async () => {
  const refused = async (...args: ReadonlyArray<string>) => {
    const { code, output } = await logs(...args)
    return `${code} ${output.trim()}`
  }
  expect(await refused("--since", "soon")).toStartWith('2 muster: --since is "soon", expected how long ago')
  expect(await refused("--level=loud")).toBe('2 muster: --level is "loud", expected debug, info, warn or error')
  expect(await refused("-f", "--until", "1m")).toStartWith("2 muster: --follow and --until exclude each other")
  expect(await refused("--instance", "zero")).toContain("must be an instance, such as 0 or tasks/0")
  expect(await refused("--node", "nobody")).toStartWith("1 muster: ")
  expect(await refused("-x")).toContain("Unknown flag -x")
  const { output } = await run(["logs", "--help"])
  expect(output).toContain("-f, --follow")
  expect(output).toContain("--level debug|info|warn|error")
  expect(output).toContain("Exit codes: 0 done, 1 a node was away")
})

test("a node that is away is named, and the others go on", async () => {
  await cluster.agents[1]!.process?.stop()
  const { code, output, stdout } = await waitFor(async () => {
    const got = await logs("--search", "one 世界")
    return got.code === 1 && got
  })
  expect(code).toBe(1)
  expect(stdout).toContain("one 世界")
  expect(output).toMatch(/muster: node-101 \(shop@9146\): .+/)
})

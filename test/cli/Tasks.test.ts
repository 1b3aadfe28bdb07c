import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { Cluster, online } from "../support/cluster.ts"
import { run } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const moduleText = (printer: string) => `
  import { existsSync } from "node:fs"
  import { task } from "muster/service"
  export const print = (text) => task("print", { text }, { attemptsMax: 1 })
  export const tasks = {
    print: ({ text }) => {
      if (!existsSync(${JSON.stringify(printer)})) throw new Error("there is no printer for " + text)
    },
  }
`

const ips = ["127.1.45.100", "127.1.45.101"] as const
let cluster: Cluster
let printer: string
beforeAll(async () => {
  cluster = new Cluster("127.1.45.1")
  printer = join(cluster.folder, "printer")
  const module = join(cluster.folder, "shop.ts")
  writeFileSync(module, moduleText(printer))
  await cluster.ready()
  for (const ip of ips) await cluster.join(ip, "executable", ["--name", `node-${ip.slice(-3)}`, "--gateway=off"])
  const endpoints = ips.map((ip) => online(ip, 9145))
  await cluster.greeter("shop", endpoints, { module, workers: 1, rpc: { taskWorkers: 1 } })
})
afterAll(() => cluster[Symbol.asyncDispose]())

/** A command of Muster with the data folder of the first node. */
const onNode = (...args: ReadonlyArray<string>) => run([...args, "--data", cluster.agents[0]!.data])
/** The same with that of the manager. */
const onManager = (...args: ReadonlyArray<string>) => run([...args, "--data", cluster.data])

const lines = (text: string) => text.trimEnd().split("\n")

describe("muster tasks", () => {
  const dead = async () => {
    const { nodes } = JSON.parse((await onManager("tasks", "shop", "--json")).stdout) as {
      readonly nodes: ReadonlyArray<{
        nodeName: string
        tasks: ReadonlyArray<{ id: string }>
        counts: { dead: number }
      }>
    }
    return nodes.flatMap(({ nodeName, tasks }) => tasks.map(({ id }) => ({ nodeName, id })))
  }

  test("lists dead letters with their reasons, requeues and discards them", async () => {
    for (const ip of [ips[0], ips[0], ips[1], ips[1]]) await onNode("call", "shop", "print", "订单", "--node", ip)
    const letters = await waitFor(async () => ((await dead()).length === 4 ? await dead() : undefined))
    const { code, stdout } = await onManager("tasks", "shop")
    expect(code).toBe(0)
    expect(lines(stdout).slice(0, 3)).toEqual([
      "NODE      PROCESS    WAITING  RUNNING  DEAD",
      "node-100  shop@9145        0        0     2",
      "node-101  shop@9145        0        0     2",
    ])
    expect(stdout).toMatch(
      /\nnode-101 +\w+ +print +1 of 1 +[^\n]+ ago +- +\{"text":"订单"\} +internal: there is no printer for 订单\n/,
    )
    const [first, second, third, fourth] = letters.map(({ id }) => id)
    const one = await onManager("tasks", "discard", "shop", first!)
    expect(one).toMatchObject({ code: 0, stdout: "1 task thrown away\n" })
    const twice = await onManager("tasks", "discard", "shop", first!, second!)
    expect(twice.code).toBe(1)
    expect(twice.stdout).toBe("1 task thrown away; 1 of the named is no dead letter\n")
    writeFileSync(printer, "")
    expect((await onManager("tasks", "requeue", "shop", third!, "--node", "node-101")).stdout).toBe(
      "1 task queued again\n",
    )
    expect(await onManager("tasks", "requeue", "shop", "--all", "--json")).toMatchObject({
      code: 0,
      stdout: '{"changed":1,"failed":[]}\n',
    })
    expect(fourth).toBeDefined()
    // The printer is there now, so they are done.
    await waitFor(async () => /\nnode-101 +shop@9145 +0 +0 +0\n/.test((await onManager("tasks", "shop")).stdout))
    expect(await onManager("tasks", "requeue", "shop", "--all")).toMatchObject({
      code: 0,
      stdout: "0 tasks queued again\n",
    })
  })

  test("that are refused say why", async () => {
    const { code, output } = await onManager("tasks", "nobody")
    expect(code).toBe(1)
    expect(output).toMatch(/^muster: [^\n]*nobody[^\n]*\n$/)
    expect((await onManager("tasks", "shop", "--node", "elsewhere")).output).toContain("elsewhere")
  })
})

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import type { CrashReport } from "../../../src/protocol/ProcessMessages.ts"
import { waitFor } from "../../support/waitFor.ts"
import type { TestAgent } from "../fleet/TestAgent.ts"
import { joinedAgent, runService } from "./JoinedAgent.ts"
import { api, startManager, type TestManager, Visitor } from "./TestManager.ts"

setDefaultTimeout(60_000)

const report = (id: string, over: Partial<CrashReport> = {}): CrashReport => ({
  id,
  name: "greeter@9101",
  kind: "calls",
  slot: 1,
  pid: 4711,
  at: Date.now() - 60_000,
  ranMs: 2_500,
  code: null,
  signal: "SIGSEGV",
  outOfMemory: false,
  reason: "killed by SIGSEGV",
  specRevision: 7,
  lastGoodRevision: 6,
  log: [{ at: Date.now() - 60_100, stream: "err", text: "<b>not</b> a tag" }],
  samples: [{ at: Date.now() - 61_000, rssBytes: 4_194_304, cpuPercent: 42, loopLagMs: 3 }],
  openCalls: [{ method: "Image.resize", ageMs: 1_200, remote: "10.0.0.9:4000" }],
  openCallCount: 1,
  ...over,
})

describe("crash reports and usage", () => {
  let manager: TestManager
  let admin: Visitor
  let one: TestAgent
  let two: TestAgent
  let service: { id: string }
  const call = (path: string) => api(manager)("GET", `/services/greeter${path}`)
  beforeAll(async () => {
    manager = await startManager()
    admin = await new Visitor(manager).login()
    one = await joinedAgent(manager, "one", "127.46.8.1", 8821)
    two = await joinedAgent(manager, "two", "127.46.8.2", 8821)
    const endpoints = ["127.46.8.1", "127.46.8.2"].map((ip) => ({ ip, port: 9101 }))
    service = await runService(manager, "greeter", [one, two], endpoints)
    one.crashes.set("01M8B4ZWR48BSQFPBWAX8P3RGD", report("01M8B4ZWR48BSQFPBWAX8P3RGD"))
    const late = { reason: "exited with code 3", code: 3, signal: null, at: Date.now() - 1_000 }
    two.crashes.set("01M8B4ZWR48BSQFPBWAX8P3RGE", report("01M8B4ZWR48BSQFPBWAX8P3RGE", late))
    const leaver = {
      pid: 99,
      elapsedMs: 5_000,
      killInMs: 27_000,
      processes: [{ pid: 99, state: "D", command: "dd if=/dev/sda", rssBytes: 1 }],
      openCalls: [{ method: "Report.monthly", ageMs: 9_000, remote: "10.0.0.8:4001" }],
      openCallCount: 1,
    }
    one.inspection = {
      portHolder: null,
      instances: [
        {
          kind: "calls",
          slot: 0,
          pid: 98,
          usage: { rssBytes: 157_286_400, cpuPercent: 37.5, processes: 3 },
          tree: [],
          leaving: [leaver],
        },
      ],
    }
    two.inspection = { instances: [], portHolder: "pid 4711 (nginx: master process)" }
  })
  afterAll(async () => {
    await one.stop()
    await two.stop()
    await manager.stop()
  })

  test("of all nodes are one list, the newest first, and one of them is told in full", async () => {
    const { body } = await call("/crashes")
    expect(body.silent).toEqual([])
    expect(
      body.crashes.map(({ nodeName, reason }: { nodeName: string; reason: string }) => [nodeName, reason]),
    ).toEqual([
      ["two", "exited with code 3"],
      ["one", "killed by SIGSEGV"],
    ])
    expect(body.crashes[0].log).toBeUndefined()
    const full = await call("/crashes/01M8B4ZWR48BSQFPBWAX8P3RGD")
    expect(full.body).toMatchObject({ nodeName: "one", signal: "SIGSEGV", log: [{ text: "<b>not</b> a tag" }] })
    expect((await call("/crashes/01M8B4ZWR48BSQFPBWAX8P3RGF")).status).toBe(404)
  })

  test("of each node's processes come with what those that end still wait for", async () => {
    const { body } = await call("/inspect")
    expect(body.nodes).toMatchObject([
      { nodeName: "one", name: "greeter@9101", instances: [{ leaving: [{ pid: 99, killInMs: 27_000 }] }] },
      { nodeName: "two", portHolder: "pid 4711 (nginx: master process)" },
    ])
  })

  test("are on the tab of the processes, and no text of a program is taken for a part of the page", async () => {
    const page = await waitFor(async () => {
      const { text } = await admin.ask(`/services/${service.id}/process`)
      return text.includes("Killed by SIGSEGV") && text
    })
    expect(page).toContain("Exited with code 3")
    expect(page).toContain("37.5 %")
    expect(page).toContain("Still stopping")
    expect(page).toContain("Report.monthly")
    expect(page).toContain("Its port is held by pid 4711 (nginx: master process)")
    const one = (await admin.ask(`/services/${service.id}/process/crashes/01M8B4ZWR48BSQFPBWAX8P3RGD`)).text
    expect(one).toContain("&lt;b&gt;not&lt;/b&gt; a tag")
    expect(one).toContain("7; revision 6 ran well last")
    expect(one).toContain("Image.resize")
    expect((await admin.ask(`/services/${service.id}/process/crashes/nothing`)).status).toBe(404)
  })

  test("are live while somebody looks, and a node that is silent is named", async () => {
    const leaving = new AbortController()
    const cookie = [...admin.cookies].map(([name, value]) => `${name}=${value}`).join("; ")
    const stream = await fetch(`${manager.url}/events?t=care:${service.id}`, {
      headers: { cookie },
      signal: leaving.signal,
    })
    let seen = ""
    const reading = (async () => {
      const decoder = new TextDecoder()
      for await (const chunk of stream.body as unknown as AsyncIterable<Uint8Array>) seen += decoder.decode(chunk)
    })().catch(() => undefined)
    await waitFor(() => seen.includes("#usage") && seen.includes("#instances") && seen.includes("37.5 %"))
    const { inspection } = one
    const usage = { rssBytes: 1, cpuPercent: 61.5, processes: 1 }
    one.inspection = { ...inspection, instances: inspection.instances.map((first) => ({ ...first, usage })) }
    await waitFor(() => seen.includes("61.5 %"))
    leaving.abort()
    await reading
  })
})

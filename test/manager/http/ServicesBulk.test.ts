import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { waitFor } from "../../support/waitFor.ts"
import type { TestAgent } from "../fleet/TestAgent.ts"
import { joinedAgent, runService } from "./JoinedAgent.ts"
import { api, startManager, type TestManager, Visitor } from "./TestManager.ts"

const inChinese = { headers: { "accept-language": "zh-CN" } }
const statusesOf = (answers: ReadonlyArray<{ readonly status: number }>) =>
  answers.map(({ status }) => status).toSorted((a, b) => a - b)

/** The text of the cards alone: the list below them names the same services. */
const cardOf = (html: string) => /<div id="bulk-job"[^]*?<\/section><\/div>/.exec(html)?.[0] ?? ""

describe("one action on several services", () => {
  let manager: TestManager
  let admin: Visitor
  let agent: TestAgent
  let id: string
  beforeAll(async () => {
    manager = await startManager()
    admin = await new Visitor(manager).login()
    agent = await joinedAgent(manager, "one", "127.70.1.1", 8821)
    ;({ id } = await runService(manager, "shop", [agent], [{ ip: "127.70.1.1", port: 9170 }]))
  })
  afterAll(async () => {
    await agent.stop()
    await manager.stop()
  })

  const call = (method: string, path: string, body?: unknown) => api(manager)(method, path, body)
  const act = (action: string, ...ids: ReadonlyArray<string>) =>
    admin.htmx("/services/actions", {
      method: "POST",
      form: [["action", action], ...ids.map((id) => ["ids", id] as const)],
    })
  const close = () => admin.htmx("/services/actions", { method: "DELETE" })
  const idle = () =>
    waitFor(async () => {
      const card = cardOf((await admin.ask("/services")).text)
      return !card.includes("spinner")
    })
  const restartsWith = (outcome: string, reason: string | null, until: Promise<void> = Promise.resolve()) => {
    agent.restart = async () => {
      await until
      return { outcome, restarted: 0, total: 1, reason, tookMs: 1 }
    }
  }

  test("says in the reader's language why it failed, and where", async () => {
    restartsWith("failed", "exited with code 3")
    const { text } = await act("restart", id)
    expect(text).toContain("0 of 1 service restarted")
    expect(text).toContain("one: Exited with code 3")
    const card = cardOf((await admin.ask("/services", inChinese)).text)
    expect(card).toContain("one：已退出，退出码 3")
    expect(card).not.toMatch(/exited/i)
    await act("stop", id)
    await idle()
    await act("restart", id)
    await idle()
    expect(cardOf((await admin.ask("/services", inChinese)).text)).toContain("one：已停止，请改用“启动”")
    await act("start", id)
    await idle()
  })

  test("names what is not there, and what the manager keeps or runs nothing of", async () => {
    const { id: plain } = (await call("POST", "/services", { name: "plain" })).body
    const kernel = (await call("GET", "/services/node_manager")).body.id
    const gone = (await call("POST", "/services", { name: "gone" })).body.id
    await call("DELETE", "/services/gone")
    restartsWith("done", null)
    const { status, text } = await act("restart", id, gone, plain, kernel)
    expect(status).toBe(200)
    const card = cardOf(text)
    expect(card).toContain("1 of 4 services restarted")
    expect(card).toMatch(new RegExp(`${gone}[^]*It is not there any more`))
    expect(card).toMatch(/plain[^]*has no process/)
    const chinese = cardOf((await admin.ask("/services", inChinese)).text)
    expect(chinese).toContain("对象已不存在")
    expect(chinese).toContain("该服务没有进程")
    expect(chinese).not.toMatch(/[a-z]{2,} [a-z]{2,}/i.exec(chinese.replaceAll(/<[^>]*>/g, " "))?.[0] ?? /^$/)
    await call("DELETE", "/services/plain")
  })

  test("and the dashboard says why a service is down, and where", async () => {
    const worker = { slot: 0, pid: null, restarts: 3, since: 1, ready: false, adopted: false }
    const fatal = { ...worker, state: "FATAL" as const, reason: "exited with code 3" }
    agent.tellState("shop@9170", "FATAL", { reason: "exited with code 3", workers: [fatal] })
    await waitFor(async () => (await admin.ask("/")).text.includes("127.70.1.1: Exited with code 3"))
    expect((await admin.ask("/", inChinese)).text).toContain("127.70.1.1：已退出，退出码 3")
    agent.tellState("shop@9170", undefined)
  })

  test("keeps the name of what was deleted since the last one", async () => {
    const { id: brief } = (await call("POST", "/services", { name: "brief" })).body
    await act("restart", brief)
    await idle()
    await call("DELETE", "/services/brief")
    expect(cardOf((await act("restart", brief)).text)).toMatch(/brief[^]*It is not there any more/)
  })

  test("begins once when two ask at the same moment, and the other is told who was first", async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    restartsWith("done", null, promise)
    const answers = await Promise.all([act("restart", id), act("restart", id)])
    expect(statusesOf(answers)).toEqual([200, 409])
    expect(answers.find(({ status }) => status === 409)?.text).toContain("admin does something with several services")
    expect(answers.find(({ status }) => status === 200)?.text).toContain("Begun with 1 service")
    expect((await close()).text).toContain("spinner")
    // A program is not refused for that; what it does has a card of its own.
    expect((await call("POST", "/services/actions", { action: "stop", services: ["nobody"] })).body.results).toEqual([
      { service: "nobody", outcome: "failed", error: 'There is no service "nobody"', nodes: [] },
    ])
    const cards = cardOf((await admin.ask("/services")).text)
    expect(cards.match(/<section/g)).toHaveLength(2)
    expect(cards).toMatch(/spinner[^]*<section[^]*0 of 1 service stopped[^]*nobody/)
    resolve()
    await idle()
    expect(cardOf((await admin.ask("/services")).text)).toContain("1 service restarted")
    expect((await close()).text).toContain('id="bulk-job" hidden')
  })
})

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { Cluster } from "../support/cluster.ts"
import { run } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

let cluster: Cluster
beforeAll(async () => {
  cluster = new Cluster("127.48.4.1")
  await cluster.ready()
  await cluster.join("127.48.4.100", "executable", ["--name", "web-01", "--gateway=off"])
})
afterAll(() => cluster[Symbol.asyncDispose]())

const muster = (...args: ReadonlyArray<string>) => run([...args, "--data", cluster.data])
const json = async <A>(...args: ReadonlyArray<string>) => JSON.parse((await muster(...args, "--json")).stdout) as A
type Runs = { readonly runs: ReadonlyArray<{ id: string; state: string; exitCode: number | null }> }

describe("muster cron", () => {
  test("adds a task, and lists and shows it", async () => {
    expect((await muster("cron")).stdout).toContain("There are no cron tasks")
    const added = await muster(
      "cron",
      "add",
      "hello",
      "--node",
      "web-01",
      "--every",
      "1h",
      "--command",
      "/bin/sh -c 'echo 你好; exit 3'",
    )
    expect(added).toMatchObject({ code: 0 })
    expect(added.stdout).toContain("hello is added: every 1 h")
    const lines = await waitFor(async () => {
      const lines = (await muster("cron")).stdout.split("\n")
      return / in .* +waiting$/.test(lines[1] ?? "") && lines
    })
    expect(lines[0]).toMatch(/^NAME +NODE +SCHEDULE +LAST +NEXT +STATE$/)
    expect(lines[1]).toMatch(/^hello +web-01 +every 1 h +never +in .* +waiting$/)
    const shown = (await muster("cron", "show", "hello")).stdout
    expect(shown).toContain("/bin/sh -c 'echo 你好; exit 3'")
    expect(shown).toContain("It has not run yet")
  })

  test("starts it, lists its runs, and prints their output", async () => {
    expect((await muster("cron", "start", "hello")).stdout).toStartWith("hello runs: ")
    const failed = await waitFor(async () =>
      (await json<Runs>("cron", "runs", "hello")).runs.find(({ state }) => state === "failed"),
    )
    expect(failed.exitCode).toBe(3)
    expect((await muster("cron", "output", "hello")).stdout).toBe("你好\n")
    expect((await muster("cron", "output", "hello", "--run-id", failed.id)).stdout).toBe("你好\n")
    expect((await muster("cron", "runs", "hello")).stdout).toMatch(/failed .* 3 +manual by cli +web-01/)
  })

  test("previews its next runs, and those of a schedule that it has not, in UTC and in its zone", async () => {
    const own = (await muster("cron", "preview", "hello")).stdout.trim().split("\n")
    expect(own.slice(0, 2)).toEqual(["every 1 h", expect.stringMatching(/^IN +UTC$/)])
    expect(own).toHaveLength(12)
    const zoned = await muster("cron", "preview", "--cron", "30 3 * * 1-5", "--tz", "Asia/Shanghai", "--count", "3")
    const [schedule, head, ...rows] = zoned.stdout.trim().split("\n")
    expect(schedule).toBe("30 3 * * 1-5 Asia/Shanghai")
    expect(head).toMatch(/^IN +UTC +THERE$/)
    expect(rows).toHaveLength(3)
    for (const row of rows) expect(row).toMatch(/^in .* 19:30:00Z +\d{4}-\d\d-\d\d 03:30:00 \+08:00$/)
    const { schedule: other, times } = await json<{ schedule: unknown; times: ReadonlyArray<number> }>(
      "cron",
      "preview",
      "hello",
      "--every",
      "2s",
    )
    expect(other).toEqual({ kind: "interval", everySeconds: 2 })
    expect((times[9] ?? 0) - (times[0] ?? 0)).toBe(18_000)
    expect(await muster("cron", "preview")).toMatchObject({
      code: 2,
      output: expect.stringContaining("NAME, --cron or --every is missing"),
    })
    expect((await muster("cron", "preview", "helo")).output).toContain("hello")
    expect((await muster("cron", "preview", "--cron", "61 * * * *")).output).toContain("61")
  })

  test("edits it, stops what runs, disables and removes it", async () => {
    const edited = await muster(
      "cron",
      "edit",
      "hello",
      "--shell",
      "sleep 600 | cat",
      "--cron",
      "30 3 * * 1-5",
      "--tz",
      "Asia/Shanghai",
      "--overlap",
      "queue",
      "--timeout",
      "0",
    )
    expect(edited.stdout).toContain("hello is changed: 30 3 * * 1-5 Asia/Shanghai on web-01, next in ")
    expect(await json<object>("cron", "show", "hello")).toMatchObject({
      action: { command: { shell: "sleep 600 | cat" } },
      overlap: "queue",
      timeoutMs: 0,
      retries: 0,
    })
    await waitFor(
      async () => (await json<{ place: { state: string } }>("cron", "show", "hello")).place.state === "here",
    )
    await muster("cron", "start", "hello")
    await waitFor(async () => (await json<{ running: number }>("cron", "show", "hello")).running === 1)
    expect((await muster("cron", "stop", "hello")).stdout).toContain("was stopped")
    expect((await muster("cron", "stop", "hello")).output).toContain("hello does not run")
    expect((await muster("cron", "disable", "hello")).stdout).toBe("hello runs by hand only\n")
    expect((await muster("cron", "enable", "hello")).code).toBe(0)
    const { stdout } = await muster("cron", "remove", "hello")
    const [restore, id = ""] = /cron restore (\w{26})\n$/.exec(stdout) ?? []
    expect(stdout).toBe(`hello is deleted; within a day this brings it back: muster ${restore}`)
    expect((await json<ReadonlyArray<unknown>>("cron")).length).toBe(0)
    expect((await muster("cron", "restore", id)).stdout).toBe("hello is back\n")
    expect((await muster("cron", "restore", "nothing")).code).toBe(1)
    expect((await json<{ id: string }>("cron", "remove", "hello")).id).toBe(id)
  })

  test("takes several at once, and tells which failed", async () => {
    for (const name of ["first", "second"])
      await muster("cron", "add", name, "--node", "web-01", "--every", "1h", "--shell", "true")
    const enabled = async () => (await json<ReadonlyArray<{ enabled: boolean }>>("cron")).map((task) => task.enabled)
    const disabled = await muster("cron", "disable", "first", "secnod", "second")
    expect(disabled).toMatchObject({ code: 1, stdout: "first runs by hand only\nsecond runs by hand only\n" })
    expect(disabled.output).toContain('muster: secnod: There is no cron task "secnod", did you mean "second"?')
    expect(disabled.output).toContain("muster: 1 of 3 failed")
    expect(await enabled()).toEqual([false, false])
    expect((await muster("cron", "enable", "first", "second")).code).toBe(0)
    expect(await enabled()).toEqual([true, true])
    await waitFor(
      async () => (await json<{ place: { state: string } }>("cron", "show", "second")).place.state === "here",
    )
    expect((await muster("cron", "start", "first", "second")).stdout).toMatch(/^first runs: \S+\nsecond runs: \S+\n$/)
    const { stdout } = await muster("cron", "remove", "first", "second", "--json")
    const removed = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { deleted: string; id: string })
    expect(removed.map(({ deleted }) => deleted)).toEqual(["first", "second"])
    expect((await muster("cron", "restore", ...removed.map(({ id }) => id))).stdout).toBe(
      "first is back\nsecond is back\n",
    )
    expect((await muster("cron", "remove", "first", "second")).code).toBe(0)
  })

  test("names what was meant, and what is wrong", async () => {
    await muster("cron", "add", "report", "--node", "web-01", "--every", "1h", "--shell", "true", "--disabled")
    const said = async (...args: ReadonlyArray<string>) => {
      const { code, output } = await muster("cron", ...args)
      expect(code).not.toBe(0)
      return output.trim()
    }
    expect(await said("show", "reprot")).toBe('muster: There is no cron task "reprot", did you mean "report"?')
    expect(await said("start", "nothing-like-it")).toContain("muster cron lists them")
    expect(await said("add", "x", "--every", "1h", "--shell", "true")).toContain("--node is missing")
    expect(await said("add", "x", "--node", "web-01", "--shell", "true")).toContain("--every or --cron is missing")
    expect(await said("add", "x", "--node", "web-01", "--every", "1h")).toContain("--command, --shell or --call")
    expect(await said("edit", "report", "--shell", "a", "--call", "b.c")).toContain("exclude each other")
    expect(await said("edit", "report")).toContain("Nothing to change")
    expect(await said("edit", "report", "--cron", "61 * * * *")).toContain('"61"')
    expect(await said("edit", "report", "--command", "a 'b")).toContain("closed quotes")
    expect(await said("add", "report", "--node", "web-01", "--every", "1h", "--shell", "x")).toContain(
      "already a cron task named report",
    )
    const warned = await muster(
      "cron",
      "add",
      "calls",
      "--node",
      "web-99",
      "--every",
      "1h",
      "--call",
      "orders.Orders.expire",
      "--args",
      '["2026", 7]',
    )
    expect(warned.code).toBe(0)
    expect(warned.output).toContain("no node with its address has joined")
    expect(warned.output).toContain("there is no service orders")
    expect((await muster("cron", "--help")).stdout).toContain("muster cron")
  })
})

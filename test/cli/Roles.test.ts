import { describe, expect, test } from "bun:test"
import { root } from "../support/executable.ts"
import { freePort, Muster, processesOf, temporaryFolder } from "../support/muster.ts"

const node = (output: string) => /node +(\w+)/.exec(output)?.[1]

describe("--role=standalone", () => {
  test("joins its own node at the first start only, tells the login once, and stops with 0", async () => {
    using data = temporaryFolder()
    const [page, agent] = [await freePort(), await freePort()]
    const start = () =>
      new Muster(["--role=standalone", `--data=${data.path}`, `--listen=127.0.0.1:${page}`], {
        runtime: "bun",
        cwd: root,
        env: { MUSTER_NODE_LISTEN: `127.0.0.1:${agent}`, MUSTER_LOG_FORMAT: "json" },
      })
    await using first = start()
    await first.until("it is up", () => first.stdout.includes("Ctrl-C"))
    expect(first.stdout).toContain(`page  http://127.0.0.1:${page}\n`)
    expect(first.stdout).toMatch(/login admin \/ \S{12,} \(shown this once\)\n/)
    expect(first.stdout).toContain(`data  ${data.path}\n`)
    expect(await first.stop("SIGTERM")).toBe(0)
    // Log lines are on stderr, each of them JSON.
    const logged = first.output.replace(first.stdout, "").trim().split("\n")
    for (const line of logged) expect(JSON.parse(line)).toHaveProperty("message")
    await using second = start()
    await second.until("it is up again", () => second.stdout.includes("Ctrl-C"))
    expect(second.stdout).not.toContain("login")
    expect(node(second.stdout)).toBe(node(first.stdout) ?? "")
    expect(await second.stop("SIGINT")).toBe(0)
    expect(processesOf(data.path)).toEqual([])
  }, 60_000)

  test("goes on as the same node when it is started as a node alone", async () => {
    using data = temporaryFolder()
    const [page, agent] = [await freePort(), await freePort()]
    await using both = new Muster(
      ["--role=standalone", `--data=${data.path}`, `--listen=127.0.0.1:${page}`, `--node-listen=127.0.0.1:${agent}`],
      { runtime: "bun", cwd: root },
    )
    await both.until("it is up", () => both.stdout.includes("Ctrl-C"))
    await both.stop()
    await using alone = new Muster(["--role=node", `--data=${data.path}`, `--listen=127.0.0.1:${agent}`], {
      runtime: "bun",
      cwd: root,
    })
    await alone.until("it is up", () => alone.stdout.includes("Ctrl-C"))
    expect(node(alone.stdout)).toBe(node(both.stdout) ?? "")
    expect(await alone.stop()).toBe(0)
  }, 60_000)
})

test("--role=node without a certificate says how to get one, and answers 2", async () => {
  using data = temporaryFolder()
  await using muster = new Muster(["--role=node", `--data=${data.path}`, "--listen=127.0.0.1:0"], {
    runtime: "bun",
    cwd: root,
  })
  expect(await muster.exit()).toBe(2)
  expect(muster.output).toMatch(/^muster: [^\n]*--join[^\n]*\n$/)
})

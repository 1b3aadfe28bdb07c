import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { describe, expect, test } from "bun:test"
import { Load } from "../support/callers.ts"
import { Cluster, online } from "../support/cluster.ts"
import { Muster, processesOf, run, temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

const module = join(import.meta.dirname, "modules/probe.ts")

describe("the executable", () => {
  test("--help names every role, the commands and the variables", async () => {
    const { code, stdout } = await run(["--help"])
    expect(code).toBe(0)
    for (const word of ["--role", "manager", "node", "standalone", "call", "version", "--data", "MUSTER_"]) {
      expect(stdout).toContain(word)
    }
  })

  test.each([
    [["--role=manager", "--colour=red"], "--colour"],
    [["--role=captain"], "captain"],
    [["--role=manager", "--listen=nowhere"], "nowhere"],
    [["sing"], "sing"],
  ])("%j gives one line that names the mistake, and exit code 2", async (args, named) => {
    using folder = temporaryFolder()
    const { code, output } = await run([...args, `--data=${folder.path}`])
    expect(code).toBe(2)
    expect(output.trim().split("\n")).toHaveLength(1)
    expect(output).toContain(named)
  })

  test("a port in use gives one line that names it, and exit code 2", async () => {
    using folder = temporaryFolder()
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(8800, "127.1.18.1", resolve))
    const { code, output } = await run(["--role=manager", `--data=${folder.path}`, "--listen=127.1.18.1:8800"])
    holder.close()
    expect(code).toBe(2)
    expect(output.trim().split("\n")).toHaveLength(1)
    expect(output).toContain("127.1.18.1:8800")
  })

  test("nothing of the folder it is started in is executed", async () => {
    using folder = temporaryFolder()
    const cwd = join(folder.path, "foreign")
    const trace = join(folder.path, "executed")
    mkdirSync(cwd)
    writeFileSync(join(cwd, "bunfig.toml"), `preload = ["./preload.ts"]\n`)
    writeFileSync(join(cwd, "preload.ts"), `require("node:fs").writeFileSync(${JSON.stringify(trace)}, "preload")\n`)
    writeFileSync(join(cwd, ".env"), "MUSTER_ROLE=captain\n")
    const { code, stdout } = await run(["version"], { cwd })
    expect(code).toBe(0)
    expect(stdout).toMatch(/\d+\.\d+\.\d+/)
    await using muster = new Muster(
      ["--role=standalone", `--data=${join(folder.path, "data")}`, "--listen=127.1.18.2:8800"],
      { cwd, env: { MUSTER_NODE_LISTEN: "127.1.18.2:8821" } },
    )
    await muster.until("it answers", async () => (await fetch("http://127.1.18.2:8800/api/health")).ok)
    expect(existsSync(trace)).toBe(false)
  }, 60_000)

  test("SIGTERM lets the running calls end, and leaves no process", async () => {
    await using cluster = new Cluster("127.1.19.1")
    await cluster.ready()
    const agent = await cluster.join("127.1.19.100")
    await cluster.greeter("probe", [online(agent.ip, 9100)], { module, workers: 2 })
    const mark = join(cluster.folder, "begun")
    const load = new Load({ data: agent.data, service: "probe", width: 1, method: "work", args: [1_500, mark] })
    await waitFor(() => existsSync(mark), { what: "a call is under way" })
    const stopping = agent.stop("SIGTERM")
    const [outcome] = await waitFor(() => load.outcomes.length > 0 && load.outcomes, { what: "the call's end" })
    expect(outcome?.error).toBeUndefined()
    await stopping
    await load.stop()
    expect(processesOf(agent.data)).toEqual([])
  }, 60_000)

  test("a second signal stops at once", async () => {
    await using cluster = new Cluster("127.1.21.1")
    await cluster.ready()
    const agent = await cluster.join("127.1.21.100")
    await cluster.greeter("probe", [online(agent.ip, 9100)], { module, workers: 1 })
    const mark = join(cluster.folder, "begun")
    const load = new Load({ data: agent.data, service: "probe", width: 1, method: "work", args: [4_500, mark] })
    await waitFor(() => existsSync(mark), { what: "a call is under way" })
    agent.process?.signal("SIGINT")
    await agent.process?.until("it says that it stops", () => agent.process?.output.includes("stopping") === true)
    expect(agent.process?.running).toBe(true)
    await agent.stop("SIGINT")
    await waitFor(() => processesOf(agent.data).length === 0, { what: "no process is left" })
    // Its end was not waited for.
    const [cut] = await load.stop()
    expect(cut?.error).toBe("unavailable")
  }, 60_000)
})

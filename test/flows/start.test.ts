import { cpSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "bun:test"
import { root } from "../support/executable.ts"
import { processesOf, sweep, temporaryFolder } from "../support/muster.ts"
import { waitFor } from "../support/waitFor.ts"

const net = "127.1.24.1"

/** The sources as a newcomer has them: nothing installed, nothing built. */
const copy = (folder: string) => {
  for (const name of ["src", "ui", "examples", "scripts", "schema.sql", "tsconfig.json", "bunfig.toml", "deno.json"]) {
    cpSync(join(root, name), join(folder, name), { recursive: true })
  }
  for (const name of ["package.json", "bun.lock"]) cpSync(join(root, name), join(folder, name))
}

const start = (folder: string) => {
  const child = Bun.spawn(["scripts/start", `--listen=${net}:8800`, `--node-listen=${net}:8821`], {
    cwd: folder,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  let output = ""
  const read = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) output += new TextDecoder().decode(chunk)
  }
  void Promise.all([read(child.stdout), read(child.stderr)])
  return { child, output: () => output }
}

const running = (started: ReturnType<typeof start>) =>
  waitFor(
    () => {
      if (started.child.exitCode !== null) throw new Error(started.output())
      return started.output().includes("Ctrl-C stops everything") && started.output()
    },
    { timeoutMs: 90_000, what: `scripts/start is ready\n${started.output()}` },
  )

test("scripts/start runs the demo, goes on with its data, and Ctrl-C leaves nothing", async () => {
  using folder = temporaryFolder("muster-start-")
  copy(folder.path)
  try {
    const first = start(folder.path)
    const said = await running(first)
    expect(said).toContain(`http://${net}:8800`)
    expect(said).toMatch(/password \S+ \(shown this once\)/)
    expect(said).toMatch(/hello\("世界"\) answered .*世界/)

    const call = () =>
      Bun.spawnSync(["dist/muster", "call", "--data", "./data", "greeter", "hello", "世界"], { cwd: folder.path })
    const answered = call()
    expect(answered.exitCode).toBe(0)
    expect(answered.stdout.toString()).toContain("世界")
    expect(processesOf(folder.path).filter(({ role }) => role === "worker")).toHaveLength(2)

    first.child.kill("SIGINT")
    expect(await first.child.exited).toBe(0)
    await waitFor(() => processesOf(folder.path).length === 0, { what: "no process is left" })

    const second = start(folder.path)
    const saidAgain = await running(second)
    expect(saidAgain).toContain("dist/muster is up to date")
    expect(saidAgain).not.toContain("shown this once")
    expect(call().stdout.toString()).toContain("世界")
    second.child.kill("SIGINT")
    await second.child.exited
    await waitFor(() => processesOf(folder.path).length === 0, { what: "no process is left" })
  } finally {
    sweep(folder.path)
  }
}, 180_000)

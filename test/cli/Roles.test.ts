import { describe, expect, test } from "bun:test"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
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

test("a role that idles lets go of what only its start has needed, and goes on", async () => {
  using data = temporaryFolder()
  const [page, agent] = [await freePort(), await freePort()]
  await using muster = new Muster([
    "--role=standalone",
    `--data=${data.path}`,
    `--listen=127.0.0.1:${page}`,
    `--node-listen=127.0.0.1:${agent}`,
  ])
  await muster.until("it is up", () => muster.stdout.includes("Ctrl-C"))
  const residentKb = (of: string) =>
    Number(new RegExp(`^${of}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${muster.pid}/status`, "utf8"))?.[1])
  const begun = { RssAnon: residentKb("RssAnon"), RssFile: residentKb("RssFile") }
  for (const of of ["RssAnon", "RssFile"] as const)
    await muster.until(`${of} is smaller`, () => residentKb(of) < 0.85 * begun[of], 60_000)
  expect((await fetch(`http://127.0.0.1:${page}/login`)).status).toBe(200)
}, 90_000)

test("--role=node without a certificate says how to get one, and answers 2", async () => {
  using data = temporaryFolder()
  await using muster = new Muster(["--role=node", `--data=${data.path}`, "--listen=127.0.0.1:0"], {
    runtime: "bun",
    cwd: root,
  })
  expect(await muster.exit()).toBe(2)
  expect(muster.output).toMatch(/^muster: [^\n]*--join[^\n]*\n$/)
})

const modesIn = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .concat(".")
      .map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]),
  )

/** What programs of other users may see: where services answer, who this node is, and where its gateway is. */
const open = /^(?:\.|discovery(?:\/.*)?|node\.json|gateway(?:\/gateway\.sock)?)$/

test("in the data folder of every role other users can read the endpoint lists, and no secret", async () => {
  using both = temporaryFolder()
  using apart = temporaryFolder()
  const [page, agent, other] = [await freePort(), await freePort(), await freePort()]
  const data = join(both.path, "data")
  await using standalone = new Muster(
    ["--role=standalone", `--data=${data}`, `--listen=127.0.0.1:${page}`, `--node-listen=127.0.0.1:${agent}`],
    { runtime: "bun", cwd: root },
  )
  await standalone.until("it is up", () => standalone.stdout.includes("Ctrl-C"))
  await using token = new Muster(["token", "create", `--data=${data}`, `--url=http://127.0.0.1:${page}`], {
    runtime: "bun",
    cwd: root,
  })
  expect(await token.exit()).toBe(0)
  const joining = ["--join", `http://127.0.0.1:${page}`, "--token", token.stdout.split("\n")[0] ?? ""]
  const node = join(apart.path, "node")
  await using second = new Muster(["--role=node", `--data=${node}`, `--listen=127.0.0.1:${other}`, ...joining], {
    runtime: "bun",
    cwd: root,
  })
  await second.until("it is up", () => second.stdout.includes("Ctrl-C"))
  for (const folder of [data, node]) {
    const modes = modesIn(folder)
    const secret = Object.entries(modes).filter(([name]) => !open.test(name))
    // A file may be readable where its folder is not.
    const shut = new Set(secret.filter(([, mode]) => mode.endsWith("00")).map(([name]) => name))
    const bare = secret.map(([name]) => name).filter((name) => !shut.has(name) && !shut.has(dirname(name)))
    expect(bare).toEqual([])
    expect(modes).toMatchObject({
      ".": "755",
      discovery: "755",
      tls: "700",
      "tls/key.pem": "600",
      logs: "700",
      run: "700",
    })
  }
  expect(modesIn(data)).toMatchObject({
    "muster.db": "600",
    ca: "700",
    "ca/ca.key": "600",
    manager: "700",
    "manager/key.pem": "600",
    "manager/cli-token": "600",
  })
}, 60_000)

test("a page certificate that can't be used is one line, and answers 2", async () => {
  using data = temporaryFolder()
  await using muster = new Muster(
    [
      "--role=manager",
      `--data=${data.path}`,
      "--listen=127.0.0.1:0",
      "--tls-cert=/nowhere.pem",
      "--tls-key=/nowhere.key",
    ],
    { runtime: "bun", cwd: root },
  )
  expect(await muster.exit()).toBe(2)
  expect(muster.output).toMatch(/^muster: [^\n]*\/nowhere\.(?:pem|key)[^\n]*\n$/)
})

test("a token that is cut off is one line, and answers 2", async () => {
  using data = temporaryFolder()
  await using muster = new Muster(
    ["--role=node", `--data=${data.path}`, "--listen=127.0.0.1:0", "--join=http://127.0.0.1:1", "--token=mst_x"],
    { runtime: "bun", cwd: root },
  )
  expect(await muster.exit()).toBe(2)
  expect(muster.output).toMatch(/^muster: [^\n]*cut off[^\n]*\n$/)
})

test("a data folder that can't be used is one line, and answers 2", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "file")
  writeFileSync(path, "")
  await using muster = new Muster(["--role=manager", `--data=${path}`, "--listen=127.0.0.1:0"], {
    runtime: "bun",
    cwd: root,
  })
  expect(await muster.exit()).toBe(2)
  expect(muster.output).toMatch(/^muster: The data folder [^\n]*\/file can't be used: [^\n]*\n$/)
})

import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { describe, expect, test } from "bun:test"
import { pushList } from "../client/fixtures/lists.ts"
import { TestServer } from "../client/fixtures/TestServer.ts"
import { root } from "../support/executable.ts"
import { temporaryFolder } from "../support/muster.ts"

type Options = { readonly env?: Record<string, string>; readonly command?: ReadonlyArray<string> }

/** Runs the program to its end, from source. */
const muster = async (args: ReadonlyArray<string>, { command = [process.execPath], env = {} }: Options = {}) => {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("MUSTER_"))
  const child = Bun.spawn([...command, join(root, "src/main.ts"), ...args], {
    env: { ...Object.fromEntries(inherited), ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, stdout, stderr }
}

const words = [
  "",
  "call",
  "methods",
  "types",
  "stats",
  "services",
  "status",
  "start",
  "stop",
  "restart",
  "reload",
  "scale",
  "push",
  "tasks",
  "tasks requeue",
  "tasks discard",
  "nodes",
  "token create",
  "systemd",
  "version",
]

describe("--help", () => {
  test.each(words)("of muster %s is on stdout, with usage, flags, variables, examples", async (command) => {
    const { code, stderr, stdout } = await muster([...command.split(" ").filter(Boolean), "--help"])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toStartWith("muster")
    expect(stdout).toContain("Usage:")
    expect(stdout).toContain("Examples:")
    for (const [, flag = ""] of stdout.matchAll(/^ {2}--([a-z-]+).*\n/gm)) {
      expect(stdout).toContain(`(MUSTER_${flag.toUpperCase().replaceAll("-", "_")})`)
    }
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(120)
  })

  test("of the whole names commands, defaults, files and exit codes", async () => {
    const { stdout } = await muster(["-h"])
    for (const word of words) expect(stdout).toContain(word)
    for (const text of ["/var/lib/muster", "127.0.0.1:8800", "127.0.0.1:8821", "Exit codes:", "Files:", "Signals:"]) {
      expect(stdout).toContain(text)
    }
    for (const flag of ["join", "token", "name", "advertise", "tls-cert", "tls-key", "insecure-http", "database"]) {
      expect(stdout).toContain(`--${flag}`)
    }
  })

  test("works on Deno", async () => {
    const deno = [join(root, "node_modules/.bin/deno"), "run", "-A", "-q", "--unstable-net"]
    const { code, stdout } = await muster(["--help"], { command: deno })
    expect(code).toBe(0)
    expect(stdout).toContain("--role=manager|node|standalone")
  })
})

describe("a mistake in the command line gives one line and exit code 2:", () => {
  test.each([
    [["--role=captain"], `--role is "captain", expected manager, node or standalone`],
    [["--role=manager", "--lisen=x"], `Unknown flag --lisen, did you mean "--listen"?`],
    [["cron", "add", "x", "--quite-another"], "Unknown flag --quite-another; muster cron add --help lists them"],
    [["--role=manager", "--join=http://127.0.0.1:1"], "--join is for --role=node only"],
    [["--role=manager", "--tls-cert=x"], "--tls-key is missing"],
    [["--role=node", "--join=http://127.0.0.1:1"], "--token is missing"],
    [["--role=standalone", "--listen", "--json"], "--listen has no value"],
    [["--data=x"], "--role is missing"],
    [[], "--role is missing"],
    [["cal", "x"], `Unknown command "cal", did you mean "call"?`],
    [["call"], "SERVICE is missing"],
    [["call", "greeter"], "METHOD is missing"],
    [["call", "greeter", "hello", "--timeout=soon"], `--timeout is "soon"`],
    [["call", "--role=node", "greeter", "hello"], "muster call takes no --role"],
    [["call", "greeter", "hello", "--concurrency=4"], "--concurrency is for --repeat N"],
    [["call", "greeter", "hello", "--stream", "--one-way"], "--stream and --one-way exclude each other"],
    [["call", "greeter", "hello", "--key=k", "--stream"], "--key is for a call with one answer"],
    [["call", "greeter", "hello", "--key=k", "--one-way"], "--key is for a call that is answered"],
    [["call", "greeter", "hello", "--key=k", "--repeat=2"], "--key and --repeat exclude each other"],
    [["call", "greeter", "hello", "--repeat=0"], `--repeat is "0", expected a whole number from 1 to 1000000000`],
    [["stats", "greeter", "--every=1s"], "--every is for --watch"],
    [["tasks", "greeter", "--state=lost"], "expected dead, waiting or running"],
    [["tasks", "requeue", "greeter"], "ID is missing"],
    [["tasks", "discard", "greeter", "01M9", "--all"], "--all and an ID exclude each other"],
    [["nodes", "x"], `"x" is one argument too many`],
    [["token", "create", "--once", "--many"], "exclude each other"],
    [["version", "--json"], "muster version takes no --json"],
  ])("%j", async (args, message) => {
    const { code, stderr, stdout } = await muster(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^muster: [^\n]+\n$/)
  })

  test("a bad variable is named", async () => {
    const { code, stderr } = await muster(["--role=node"], { env: { MUSTER_LISTEN: "nowhere" } })
    expect(code).toBe(2)
    expect(stderr).toStartWith(`muster: MUSTER_LISTEN is "nowhere"`)
  })

  test.each(["manager", "node", "standalone"])("a port that is in use, of the %s", async (role) => {
    using data = temporaryFolder()
    await using holder = await TestServer.start()
    const at = `127.0.0.1:${holder.port}`
    const flag = role === "standalone" ? ["--listen=127.0.0.1:0", `--node-listen=${at}`] : [`--listen=${at}`]
    const { code, stderr, stdout } = await muster([`--role=${role}`, `--data=${data.path}`, ...flag])
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr).toContain(`${at} is in use`)
    expect(stderr).toMatch(/^muster: [^\n]+\n$/)
  })
})

describe("muster call", () => {
  test("prints the result as JSON, and takes its settings from the environment too", async () => {
    using data = temporaryFolder()
    await using server = await TestServer.start()
    pushList(data.path, { revision: 1, endpoints: [server.endpoint()] })
    const env = { MUSTER_DATA: data.path, MUSTER_TIMEOUT: "5s" }
    expect(await muster(["call", "greeter", "hello", "世界"], { env })).toEqual({
      code: 0,
      stdout: `"Hello, 世界!"\n`,
      stderr: "",
    })
    const echo = await muster(["call", "greeter", "echo", "-1", '{"a": [true]}', "x", "--json", "--", "--y"], { env })
    expect(echo.stdout).toBe(`[-1,{"a":[true]},"x","--y"]\n`)
    const left = await muster(["call", "greeter", "Test::left", "--timeout=900"], { env })
    expect(Number(left.stdout)).toBeWithin(1, 901)
  })

  test("that fails answers 1, with the reason on stderr", async () => {
    using data = temporaryFolder()
    await using server = await TestServer.start()
    pushList(data.path, { revision: 1, endpoints: [server.endpoint()] })
    const call = (...args: ReadonlyArray<string>) => muster(["call", "--data", data.path, "--timeout=5s", ...args])
    const denied = await call("greeter", "deny")
    expect(denied).toEqual({
      code: 1,
      stdout: "",
      stderr: `muster: greeter deny at 127.0.0.1:${server.port}: not you (permission_denied, was executed)\n`,
    })
    const asJson = await call("greeter", "deny", "--json")
    expect(JSON.parse(asJson.stderr)).toMatchObject({ code: "permission_denied", details: { why: "because" } })
    const unknown = await call("nobody", "hello")
    expect(unknown.code).toBe(1)
    expect(unknown.stderr).toContain(`no endpoint list at ${data.path}/discovery/nobody.json`)
    const elsewhere = await call("greeter", "hello", "--node=127.0.0.9")
    expect(elsewhere.stderr).toContain("no endpoint of 127.0.0.9 in the list")
  })
})

describe("the commands that ask the manager", () => {
  test("answer 1 where there is no token, or nobody answers", async () => {
    using data = temporaryFolder()
    const without = await muster(["nodes", "--data", data.path])
    expect(without).toMatchObject({ code: 1, stdout: "" })
    expect(without.stderr).toContain(`${data.path}/manager/cli-token is not there`)
    mkdirSync(join(data.path, "manager"))
    writeFileSync(join(data.path, "manager/cli-token"), "t\n")
    const unanswered = await muster(["services", "--data", data.path, "--url=http://127.0.0.1:1"])
    expect(unanswered.code).toBe(1)
    expect(unanswered.stderr).toMatch(/^muster: http:\/\/127\.0\.0\.1:1 did not answer[^\n]*\n$/)
  })

  test("send the token and show what the manager answers", async () => {
    using data = temporaryFolder()
    mkdirSync(join(data.path, "manager"))
    writeFileSync(join(data.path, "manager/cli-token"), "let-me-in\n")
    const asked: Array<string> = []
    const hosts: Array<string | undefined> = []
    const answers: Record<string, [status: number, body: unknown]> = {
      "POST /api/tokens": [201, { id: "1", token: "mst_x", expiresAt: 1, command: "muster --role=node --join …" }],
      "POST /api/services/none/pushes?wait=10000": [404, { error: "NotFound", message: "There is no service none" }],
    }
    const server = createServer((request, response) => {
      let body = ""
      request.on("data", (chunk) => (body += String(chunk)))
      request.on("end", () => {
        hosts.push(request.headers.host)
        asked.push(`${request.method} ${request.url} ${request.headers.authorization} ${body}`)
        const [status, answer] = answers[`${request.method} ${request.url}`] ?? [500, {}]
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer))
      })
    })
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        const at = server.address()
        resolve(typeof at === "object" && at !== null ? at.port : 0)
      })
    })
    const env = { MUSTER_URL: `http://127.0.0.1:${port}`, MUSTER_DATA: data.path }
    const made = await muster(["token", "create", "--many", "--ttl=2h"], { env })
    expect(made).toEqual({ code: 0, stdout: "mst_x\nmuster --role=node --join …\n", stderr: "" })
    const refused = await muster(["push", "none"], { env })
    expect(refused).toEqual({ code: 1, stdout: "", stderr: "muster: There is no service none\n" })
    const broken = await muster(["nodes"], { env })
    expect(broken.stderr).toContain("was answered with status 500")
    // Without --url it is where the manager said that its page is, asked by the name that others know.
    const page = { url: "http://manager.example:8800", local: env.MUSTER_URL }
    writeFileSync(join(data.path, "manager/page.json"), JSON.stringify(page))
    const found = await muster(["token", "create", "--data", data.path])
    expect(found.code).toBe(0)
    expect(hosts.at(-1)).toBe("manager.example:8800")
    expect(asked[0]).toBe(`POST /api/tokens Bearer let-me-in {"kind":"many","ttlMs":7200000}`)
    server.close()
  })
})

// Builds and runs Muster on this machine, with the demo service `greeter` added, pushed and called once.
import { existsSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { join, relative, resolve } from "node:path"
import { parseArgs } from "node:util"
import type { NodeView, ServiceDetail } from "../src/manager/fleet/Views.ts"

const root = join(import.meta.dirname, "..")
const usage = `scripts/start [--data FOLDER] [--listen HOST:PORT] [--node-listen HOST:PORT]

  Runs manager and node in one process on this machine until Ctrl-C, with the demo service greeter.
  --data         everything it must remember; MUSTER_DATA, default ./data
  --listen       the page, on a loopback address; MUSTER_LISTEN, default 127.0.0.1:8800
  --node-listen  the agent; MUSTER_NODE_LISTEN, default 127.0.0.1:8821`

const fail = (message: string, code = 1): never => {
  console.error(`scripts/start: ${message}`)
  process.exit(code)
}

const settings = () => {
  try {
    const text = { type: "string" } as const
    const { values } = parseArgs({
      options: { data: text, listen: text, "node-listen": text, help: { type: "boolean" } },
    })
    return values
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`, 2)
  }
}

const given = settings()
if (given.help === true) {
  console.log(usage)
  process.exit(0)
}
const data = resolve(given.data ?? process.env["MUSTER_DATA"] ?? join(root, "data"))
const listen = given.listen ?? process.env["MUSTER_LISTEN"] ?? "127.0.0.1:8800"
const nodeListen = given["node-listen"] ?? process.env["MUSTER_NODE_LISTEN"] ?? "127.0.0.1:8821"
const url = `http://${listen}`
const executable = join(root, "dist/muster")

const isFree = (address: string) =>
  new Promise<boolean>((answer) => {
    const { hostname, port } = new URL(`http://${address}`)
    const server = createServer()
    server.once("error", () => answer(false))
    server.listen({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) }, () =>
      server.close(() => answer(true)),
    )
  })

const until = async <A>(what: string, condition: () => Promise<A | undefined>): Promise<A> => {
  const end = performance.now() + 30_000
  let last: unknown
  while (performance.now() < end) {
    try {
      const value = await condition()
      if (value !== undefined) return value
    } catch (error) {
      last = error
    }
    await Bun.sleep(50)
  }
  throw new Error(`waited 30 s in vain until ${what}${last === undefined ? "" : `: ${String(last)}`}`)
}

class NotThere extends Error {}

const api = async <A>(method: string, path: string, body?: unknown): Promise<A> => {
  const token = readFileSync(join(data, "manager/cli-token"), "utf8").trim()
  const response = await fetch(`${url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (response.status === 404) throw new NotThere(path)
  if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status} ${text}`)
  return (text === "" ? undefined : JSON.parse(text)) as A
}

const greeter = () =>
  api<ServiceDetail>("GET", "/services/greeter").catch((error: unknown) => {
    if (error instanceof NotThere) return undefined
    throw error
  })

/** Each step only where it is missing: an earlier run may have been stopped in the middle, or a person changed it. */
const addGreeter = async () => {
  const { ip } = await until("the node is connected", async () =>
    (await api<ReadonlyArray<NodeView>>("GET", "/nodes")).find(({ connection }) => connection === "connected"),
  )
  if ((await greeter()) === undefined) {
    const port = (await isFree(`${ip}:9101`)) ? 9101 : await freePort(ip)
    await api("POST", "/services", {
      name: "greeter",
      description: "The demo of scripts/start: hello(name)",
      tls: "auto",
      endpoints: [{ ip, port, weight: 100, status: "online" }],
    })
  }
  const detail = await greeter()
  if (detail === undefined) throw new Error("the service greeter was removed at this moment")
  if (detail.process === null || detail.process.spec.kind !== "module" || !existsSync(detail.process.spec.module)) {
    const module = join(root, "examples/greeter.ts")
    await api("PUT", "/services/greeter/process", { kind: "module", module, workers: 2 })
  }
  if (!detail.clientsList.some((client) => client.ip === ip)) {
    await api("POST", "/services/greeter/clients", { ips: [ip] })
  }
  if (!detail.clientsList.some((client) => client.ip === ip && client.revision === detail.revision)) {
    await api("POST", "/services/greeter/pushes?wait=10000", {})
  }
}

const freePort = (host: string) =>
  new Promise<number>((answer, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen({ host, port: 0 }, () => {
      const address = server.address()
      const port = address !== null && typeof address === "object" ? address.port : 0
      server.close(() => answer(port))
    })
  })

const call = async () => {
  const child = Bun.spawn([executable, "call", "--data", data, "greeter", "hello", "世界"], {
    stdout: "pipe",
    stderr: "pipe",
  })
  const answer = await new Response(child.stdout).text()
  if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text())
  return answer.trim()
}

const build = Bun.spawnSync([process.execPath, join(root, "scripts/build.ts")], {
  stdout: "inherit",
  stderr: "inherit",
})
if (build.exitCode !== 0) process.exit(1)
for (const [address, flag] of [
  [listen, "--listen"],
  [nodeListen, "--node-listen"],
] as const) {
  if (!(await isFree(address)))
    fail(`${address} is in use, or no address of this machine: choose another with ${flag}`, 2)
}

// A process group of its own: Ctrl-C in the terminal then reaches this script alone, which passes it on once.
const muster = Bun.spawn(
  [executable, "--role=standalone", `--data=${data}`, `--listen=${listen}`, `--node-listen=${nodeListen}`],
  { stdin: "ignore", stdout: "pipe", stderr: "inherit", detached: true },
)
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => muster.kill("SIGTERM"))
void muster.exited.then((code) => process.exit(code))

let printed = ""
const read = async () => {
  const decoder = new TextDecoder()
  for await (const chunk of muster.stdout) printed += decoder.decode(chunk, { stream: true })
}
void read()

try {
  await until("manager and node have started", async () => (printed.includes(url) ? true : undefined))
  await addGreeter()
  const answer = await until("greeter answers", call)
  const login = /login\s+(\S+) \/ (\S+)/.exec(printed)
  const shown = relative(process.cwd(), executable)
  const folder = relative(process.cwd(), data)
  console.log(`
Muster is running: ${url}
  log in    ${login === null ? "as admin, with the password that the first run printed" : `as ${login[1]}, password ${login[2]} (shown this once)`}
  greeter   hello("世界") answered ${answer}
  try next  ${shown} call --data ${folder.startsWith("..") ? data : `./${folder}`} greeter hello 世界
Ctrl-C stops everything; the next run goes on with ${data}.`)
} catch (error) {
  muster.kill("SIGTERM")
  await muster.exited
  fail(error instanceof Error ? error.message : String(error))
}

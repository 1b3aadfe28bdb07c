import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "bun:test"
import { root } from "../support/executable.ts"
import { temporaryFolder } from "../support/muster.ts"
import { pushList } from "./fixtures/lists.ts"
import { runtimes } from "./fixtures/runtimes.ts"
import { TestServer } from "./fixtures/TestServer.ts"

const answers = ["Hello, 世界!", "Hello, b!"]
const expected = { answers, ip: "127.0.0.1", refused: "permission_denied yes", sum: 5_050 }
const more = { hedged: "Hello, c!", circuit: "closed", failures: { permission_denied: 1 }, called: 5 }

/** What the two consumers in `folder` say, run one after the other. */
const consume = async (command: ReadonlyArray<string>, folder: string, dataDir: string) => {
  const said: Array<unknown> = []
  for (const name of ["consumer.ts", "syncConsumer.ts"]) {
    const child = Bun.spawn([...command, join(folder, name), dataDir], {
      cwd: folder,
      stdout: "pipe",
      stderr: "inherit",
    })
    said.push(JSON.parse(await new Response(child.stdout).text()))
    expect(await child.exited).toBe(0)
  }
  return said
}

/** A project with the two consumers, and the package as a registry would give it. */
const installPackage = (folder: string) => {
  const modules = join(folder, "node_modules")
  const built = Bun.spawnSync([process.execPath, join(root, "scripts/package.ts"), join(modules, "muster")])
  expect(built.stderr.toString()).toBe("")
  mkdirSync(join(modules, "@types"))
  for (const name of ["cbor-x", "@types/node"]) symlinkSync(join(root, "node_modules", name), join(modules, name))
  for (const name of ["consumer.ts", "syncConsumer.ts"]) {
    cpSync(join(import.meta.dirname, "fixtures", name), join(folder, name))
  }
  const compilerOptions = {
    module: "NodeNext",
    target: "ES2024",
    lib: ["ES2024"],
    types: ["node"],
    strict: true,
    noEmit: true,
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", dependencies: { muster: "*" } }))
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }))
}

describe("muster/client", () => {
  test.each(Object.entries(runtimes))("works on %s", async (_name, command) => {
    using data = temporaryFolder()
    await using server = await TestServer.start({ workers: 2 })
    pushList(data.path, { revision: 1, endpoints: [server.endpoint()] })
    const folder = join(import.meta.dirname, "fixtures")
    expect(await consume(command, folder, data.path)).toEqual([{ ...expected, ...more }, expected])
  })

  test("is a package that types and runs on all of them, once it is installed", async () => {
    using data = temporaryFolder()
    using project = temporaryFolder()
    await using server = await TestServer.start({ workers: 2 })
    pushList(data.path, { revision: 1, endpoints: [server.endpoint()] })
    installPackage(project.path)
    const checked = Bun.spawnSync([join(root, "node_modules/.bin/tsc"), "-p", project.path], { stdout: "pipe" })
    expect(checked.stdout.toString()).toBe("")
    for (const command of Object.values(runtimes)) {
      expect(await consume(command, project.path, data.path)).toEqual([{ ...expected, ...more }, expected])
    }
  }, 60_000)

  test("says what to do when a bundler left the file of its thread behind", async () => {
    using folder = temporaryFolder()
    const consumer = join(import.meta.dirname, "fixtures/syncConsumer.ts")
    const built = await Bun.build({ entrypoints: [consumer], target: "node", outdir: folder.path })
    expect(built.success).toBe(true)
    const child = Bun.spawn([...runtimes.node, join(folder.path, "syncConsumer.js"), folder.path], { stderr: "pipe" })
    const said = await new Response(child.stderr).text()
    expect(said).toContain(
      `there is no file file://${folder.path}/SyncThread.js; keep "muster/client" out of the bundle`,
    )
    expect(await child.exited).toBe(1)
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

import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, setDefaultTimeout, test } from "bun:test"
import { runtimes } from "../client/fixtures/runtimes.ts"
import { root } from "../support/executable.ts"
import { temporaryFolder } from "../support/muster.ts"

setDefaultTimeout(60_000)

const fixture = join(import.meta.dirname, "fixtures/consumer.ts")

const load = async (command: ReadonlyArray<string>, path: string, cwd: string): Promise<unknown> => {
  const child = Bun.spawn([...command, path], { cwd, stdout: "pipe", stderr: "inherit" })
  const text = await new Response(child.stdout).text()
  expect(await child.exited).toBe(0)
  return JSON.parse(text) as unknown
}

const expected = {
  length: "a1",
  advice: expect.stringContaining("Ask at the top of the handler"),
  code: "not_found",
  executed: "yes",
}

test.each(Object.entries(runtimes))("muster/service loads on %s from the repository", async (_name, command) => {
  expect(await load(command, fixture, join(import.meta.dirname, "fixtures"))).toEqual(expected)
})

test("muster/service is in the package, which types a module and loads on Bun, Deno and Node", async () => {
  using project = temporaryFolder()
  const modules = join(project.path, "node_modules")
  const built = Bun.spawnSync([process.execPath, join(root, "scripts/package.ts"), join(modules, "muster")])
  expect(built.stderr.toString()).toBe("")
  mkdirSync(join(modules, "@types"))
  for (const name of ["cbor-x", "@types/node"]) symlinkSync(join(root, "node_modules", name), join(modules, name))
  cpSync(fixture, join(project.path, "consumer.ts"))
  const compilerOptions = {
    module: "NodeNext",
    target: "ES2024",
    lib: ["ES2024"],
    types: ["node"],
    strict: true,
    noEmit: true,
  }
  const dependencies = { muster: "*" }
  writeFileSync(join(project.path, "package.json"), JSON.stringify({ type: "module", dependencies }))
  writeFileSync(join(project.path, "tsconfig.json"), JSON.stringify({ compilerOptions }))
  const checked = Bun.spawnSync([join(root, "node_modules/.bin/tsc"), "-p", project.path], { stdout: "pipe" })
  expect(checked.stdout.toString()).toBe("")
  for (const command of Object.values(runtimes))
    expect(await load(command, join(project.path, "consumer.ts"), project.path)).toEqual(expected)
})

test("without a folder it is also packed as one file, which is installed with what it needs itself", () => {
  const built = Bun.spawnSync([process.execPath, join(root, "scripts/package.ts")])
  expect(built.stderr.toString()).toBe("")
  const path = /^Packed (.*\.tgz)$/m.exec(built.stdout.toString())?.[1] ?? ""
  const list = (...files: ReadonlyArray<string>) => Bun.spawnSync(["tar", "xzOf", path, ...files]).stdout.toString()
  const manifest = JSON.parse(list("package/package.json")) as { dependencies: object }
  expect(Object.keys(manifest.dependencies)).toEqual(["cbor-x"])
  for (const file of ["client/index.js", "client/SyncThread.js", "service/index.d.ts"])
    expect(list(`package/${file}`).length).toBeGreaterThan(0)
})

test("muster/service carries no Effect, and nothing of the worker, the node or the manager", async () => {
  const built = await Bun.build({ entrypoints: [join(root, "src/service/index.ts")], target: "node", metafile: true })
  expect(built.success).toBe(true)
  const inputs = Object.keys(built.metafile?.inputs ?? {})
  expect(inputs.some((path) => path.endsWith("src/service/Method.ts"))).toBe(true)
  expect(inputs.filter((path) => path.includes("node_modules/") && !path.includes("/cbor-x/"))).toEqual([])
  expect(inputs.filter((path) => /src\/(?:manager|node|worker|cli)\//.test(path))).toEqual([])
})

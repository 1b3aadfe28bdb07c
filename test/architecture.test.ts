import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "bun:test"
import { root } from "./support/executable.ts"
import { temporaryFolder } from "./support/muster.ts"

/** The import check of a copy of the tree, to which `files` are added. */
const checkImports = (files: Record<string, string>) => {
  using folder = temporaryFolder()
  for (const name of ["src", "ui", "scripts", ".dependency-cruiser.mjs", "package.json", "tsconfig.json"]) {
    cpSync(join(root, name), join(folder.path, name), { recursive: true })
  }
  symlinkSync(join(root, "node_modules"), join(folder.path, "node_modules"))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder.path, name, ".."), { recursive: true })
    writeFileSync(join(folder.path, name), text)
  }
  const { exitCode, stdout } = Bun.spawnSync([process.execPath, "scripts/check.ts", "imports"], { cwd: folder.path })
  return { exitCode, output: stdout.toString() }
}

/** The files that a program gets with `import … from entry`, type imports left out. */
const bundled = async (entry: string) => {
  const built = await Bun.build({ entrypoints: [join(root, entry)], target: "node", sourcemap: "external" })
  const maps = await Promise.all(built.outputs.filter(({ path }) => path.endsWith(".map")).map((map) => map.json()))
  return maps.flatMap((map: { sources: ReadonlyArray<string> }) => map.sources)
}

describe("the import rule", () => {
  test("an agent that imports the manager is named, and so is a cycle", () => {
    const { exitCode, output } = checkImports({
      "src/node/Trespass.ts": `import { lap } from "../manager/Trespass.ts"\nexport const trespass = () => lap`,
      "src/manager/Trespass.ts": `import { trespass } from "../node/Trespass.ts"\nexport const lap = () => trespass`,
    })
    expect(exitCode).toBe(1)
    expect(output).toContain("node-imports-no-manager: src/node/Trespass.ts -> src/manager/Trespass.ts")
    expect(output).toContain("no-circular: src/")
  }, 60_000)

  test("only the manager's http room renders pages", () => {
    const { exitCode, output } = checkImports({
      "ui/Trespass.ts": "export const page = 1",
      "src/manager/fleet/Trespass.ts": `import { page } from "../../../ui/Trespass.ts"\nexport const view = page`,
    })
    expect(exitCode).toBe(1)
    expect(output).toContain("only-http-renders: src/manager/fleet/Trespass.ts -> ui/Trespass.ts")
  }, 60_000)
})

describe("what a call passes through", () => {
  const entries = ["src/client/index.ts", "src/rpc/RpcServer.ts", "src/rpc/RpcConnection.ts", "src/worker/Worker.ts"]

  test.each(entries)("%s never loads Effect", async (entry) => {
    const sources = await bundled(entry)
    expect(sources.length).toBeGreaterThan(1)
    expect(sources.filter((source) => source.includes("node_modules/effect/"))).toEqual([])
  })
})

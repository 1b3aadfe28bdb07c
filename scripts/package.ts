// Builds the package that a program outside of this repository installs to use muster/client, and to type a service
// module with muster/service: plain JavaScript, its types, and a package.json, beside it packed as one file.
// bun scripts/package.ts [a new FOLDER, default dist/package, which alone is packed]
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"

const root = join(import.meta.dirname, "..")
const usual = join(root, "dist/package")
const target = resolve(process.argv[2] ?? usual)
const entries = ["src/client/index.ts", "src/client/SyncThread.ts", "src/service/index.ts"]

const compile = (folder: string) => {
  const project = join(folder, "tsconfig.json")
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    rewriteRelativeImportExtensions: true,
    rootDir: join(root, "src"),
    outDir: folder,
    typeRoots: [join(root, "node_modules/@types")],
  }
  const files = entries.map((entry) => join(root, entry))
  writeFileSync(
    project,
    JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: [], files }, undefined, 2),
  )
  const { exitCode, stdout } = Bun.spawnSync([join(root, "node_modules/.bin/tsc"), "-p", project], { cwd: root })
  if (exitCode !== 0) throw new Error(`Cannot compile the package\n${stdout}`)
  rmSync(project)
  // In declarations the compiler leaves the extensions of the sources.
  for (const path of new Bun.Glob("**/*.d.ts").scanSync({ cwd: folder, absolute: true })) {
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'))
  }
}

/** What it imports by name, in the versions that this repository is tested with. */
const dependenciesOf = (folder: string, versions: Readonly<Record<string, string>>) => {
  const names = new Set<string>()
  for (const path of new Bun.Glob("**/*.js").scanSync({ cwd: folder, absolute: true })) {
    for (const [, name] of readFileSync(path, "utf8").matchAll(/ from "([^".:][^":]*)"/g)) {
      names.add((name ?? "").split("/")[0] ?? "")
    }
  }
  return Object.fromEntries([...names].toSorted().map((name) => [name, versions[name]]))
}

const describe = (folder: string) => {
  const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly [field: string]: unknown
    readonly dependencies: Readonly<Record<string, string>>
  }
  const manifest = {
    name: own["name"],
    version: own["version"],
    description:
      "Muster for programs that call services (muster/client), and for the modules that are services (muster/service)",
    license: own["license"],
    type: "module",
    engines: { node: ">=22" },
    exports: Object.fromEntries(
      ["client", "service"].map((room) => [
        `./${room}`,
        { types: `./${room}/index.d.ts`, default: `./${room}/index.js` },
      ]),
    ),
    dependencies: dependenciesOf(folder, own.dependencies),
  }
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`)
  writeFileSync(join(folder, "LICENSE"), readFileSync(join(root, "LICENSE")))
}

/** A folder is only linked to by package managers, without what it needs itself; a file is installed. */
const pack = () => {
  const args = ["pm", "pack", "--quiet", "--destination", dirname(usual)]
  const { exitCode, stderr, stdout } = Bun.spawnSync([process.execPath, ...args], { cwd: usual })
  if (exitCode !== 0) throw new Error(`Cannot pack the package\n${stderr}`)
  return stdout.toString().trim()
}

if (target !== usual && existsSync(target)) throw new Error(`${target} is there already`)
mkdirSync(dirname(target), { recursive: true })
const folder = mkdtempSync(join(dirname(target), ".package-"))
try {
  compile(folder)
  describe(folder)
  rmSync(target, { recursive: true, force: true })
  renameSync(folder, target)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`Built ${target}`)
if (target === usual) console.log(`Packed ${pack()}`)

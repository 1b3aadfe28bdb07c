// Builds dist/muster, unless it was built from exactly these sources: bun scripts/build.ts [--force]
import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const dist = join(root, "dist")
const executable = join(dist, "muster")
const hashFile = join(dist, ".build-hash")

const sources = () =>
  [...new Bun.Glob("{src,ui}/**/*").scanSync({ cwd: root, onlyFiles: true })]
    .concat("schema.sql", "package.json", "bun.lock", "tsconfig.json", "scripts/build.ts")
    .toSorted()

const hashOf = (files: ReadonlyArray<string>) => {
  const hash = createHash("sha256").update(Bun.version)
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)))
  return hash.digest("hex")
}

const textOf = (path: string) => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size

// Without the two --no-… flags the executable would run the bunfig.toml and .env of whatever folder it is started in.
const flags = [
  "--compile",
  "--minify",
  "--bytecode",
  // Compiles rarely, until `compileSoon` of src/platform/Compiler.ts.
  "--compile-jit-policy=20",
  "--format=esm",
  "--sourcemap",
  // Each role, and above all a worker, loads only what it needs of the whole.
  "--splitting",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--compile-autoload-tsconfig",
  "--compile-autoload-package-json",
  "--asset=ui/assets",
]

/** Compiles into a folder of its own and renames, so that nobody ever runs half a file. */
const compile = () => {
  mkdirSync(dist, { recursive: true })
  const folder = mkdtempSync(join(dist, ".build-"))
  try {
    const outfile = join(folder, "muster")
    const built = Bun.spawnSync([process.execPath, "build", ...flags, "src/main.ts", "--outfile", outfile], {
      cwd: root,
      env: { ...process.env, NODE_ENV: "production" },
      stdout: "pipe",
      stderr: "pipe",
    })
    if (built.exitCode !== 0) return `${built.stdout}${built.stderr}`
    renameSync(outfile, executable)
    return undefined
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const startedAt = performance.now()
const hash = hashOf(sources())
if (!process.argv.includes("--force") && textOf(hashFile) === hash && sizeOf(executable)) {
  console.log("dist/muster is up to date")
} else {
  const error = compile()
  if (error !== undefined) {
    console.error(error)
    process.exit(1)
  }
  writeFileSync(hashFile, hash)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`Built dist/muster: ${((sizeOf(executable) ?? 0) / 1e6).toFixed(0)} MB in ${seconds} s`)
}

import { cpSync, linkSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { executable, root } from "./executable.ts"
import { temporaryFolder } from "./muster.ts"

const copied = ["src", "ui", "scripts/build.ts", "schema.sql", "bun.lock", "tsconfig.json"]

/** An executable of the same sources that calls itself another version. */
const buildAs = (version: string, folder: string): string => {
  for (const name of copied) cpSync(join(root, name), join(folder, name), { recursive: true })
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as object
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...manifest, version }))
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "scripts/build.ts"], { cwd: folder, stderr: "pipe" })
  if (exitCode !== 0) throw new Error(`Cannot build version ${version}\n${stderr}`)
  return join(folder, "dist/muster")
}

const versionOf = (path: string) => Bun.spawnSync([path, "version"]).stdout.toString().trim()

/** Two executables of different versions, and a place where now the one and now the other lies. */
export class Installed {
  readonly path: string
  readonly #folder = temporaryFolder("muster-builds-")
  readonly #builds: ReadonlyArray<{ readonly path: string; readonly version: string }>
  #current = 0

  constructor() {
    const paths = [executable(), buildAs("999.0.0", this.#folder.path)]
    this.#builds = paths.map((path) => ({ path, version: versionOf(path) }))
    this.path = join(this.#folder.path, "muster")
    cpSync(paths[0] ?? "", this.path)
  }

  get version() {
    return this.#builds[this.#current]?.version ?? ""
  }

  /** Puts the other one in place by rename; answers its version. */
  exchange(): string {
    this.#current = 1 - this.#current
    this.put(this.#builds[this.#current]?.path ?? "")
    return this.version
  }

  /** Puts any file in place. */
  put(path: string) {
    const next = `${this.path}.next`
    try {
      linkSync(path, next)
    } catch {
      // On another file system.
      cpSync(path, next)
    }
    renameSync(next, this.path)
  }

  [Symbol.dispose]() {
    this.#folder[Symbol.dispose]()
  }
}

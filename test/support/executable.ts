import { join } from "node:path"

/** The repository's folder. */
export const root = join(import.meta.dirname, "../..")

/** The example service of the repository: `hello(name)`. */
export const greeterModule = join(root, "examples/greeter.ts")

let built: string | undefined

/** The path of dist/muster, built from the sources as they are when a test process first asks for it. */
export const executable = () => {
  if (built !== undefined) return built
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "scripts/build.ts"], { cwd: root, stderr: "pipe" })
  if (exitCode !== 0) throw new Error(`Cannot build dist/muster\n${stderr}`)
  built = join(root, "dist/muster")
  return built
}

let deno: string | undefined

/** Deno itself: node_modules/.bin/deno is a wrapper that passes no signal on. */
export const denoPath = () => {
  const wrapper = join(root, "node_modules/.bin/deno")
  deno ??= Bun.spawnSync([wrapper, "eval", "console.log(Deno.execPath())"]).stdout.toString().trim()
  return deno
}

export type Runtime = "executable" | "bun" | "deno"

/** The command that runs Muster: the executable, or its source on Bun or Deno. */
export const command = (runtime: Runtime): ReadonlyArray<string> => {
  const main = join(root, "src/main.ts")
  if (runtime === "executable") return [executable()]
  if (runtime === "bun") return [process.execPath, main]
  return [denoPath(), "run", "-A", "-q", "--unstable-net", main]
}

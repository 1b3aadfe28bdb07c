// Every check that needs no running code, side by side: bun scripts/check.ts [NAME…]
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const paths = ["src", "ui", "test", "scripts", "examples"]

type Outcome = { readonly ok: boolean; readonly output: string }
type Check = { readonly name: string; readonly run: () => Promise<Outcome> }

const run = async (command: ReadonlyArray<string>) => {
  const child = Bun.spawn([...command], {
    cwd: root,
    env: { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env["PATH"]}`, NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { stdout, stderr, code }
}

const tool = (name: string, command: ReadonlyArray<string>): Check => ({
  name,
  run: async () => {
    const { stdout, stderr, code } = await run(command)
    return { ok: code === 0, output: `${stdout}${stderr}` }
  },
})

type Cruise = {
  readonly modules: ReadonlyArray<{ readonly source: string }>
  readonly summary: {
    readonly violations: ReadonlyArray<{
      readonly rule: { readonly name: string }
      readonly from: string
      readonly to: string
      readonly cycle?: ReadonlyArray<{ readonly name: string }>
    }>
  }
}

/** The tool ends well when it could read nothing, so the modules that it followed are counted against the files. */
const imports: Check = {
  name: "imports",
  run: async () => {
    const answer = await run(["depcruise", "--config", ".dependency-cruiser.mjs", "--output-type", "json", "src", "ui"])
    if (!answer.stdout.startsWith("{")) return { ok: false, output: `${answer.stdout}${answer.stderr}` }
    const { modules, summary } = JSON.parse(answer.stdout) as Cruise
    const cruised = modules.filter(({ source }) => /^(?:src|ui)\/.*\.tsx?$/.test(source)).length
    const files = [...new Bun.Glob("{src,ui}/**/*.{ts,tsx}").scanSync({ cwd: root })].length
    const lines = summary.violations.map(
      ({ rule, from, to, cycle }) =>
        `${rule.name}: ${[from, ...(cycle?.map(({ name }) => name) ?? [to])].join(" -> ")}`,
    )
    if (cruised < files) lines.push(`Only ${cruised} of ${files} source files were cruised`)
    return { ok: answer.code === 0 && lines.length === 0, output: lines.join("\n") }
  },
}

const checks: ReadonlyArray<Check> = [
  tool("format", ["oxfmt", "--check", ...paths]),
  tool("lint", ["oxlint", "--deny-warnings", ...paths]),
  tool("types", ["tsc", "--noEmit"]),
  tool("effect", [
    "effect-tsgo",
    "diagnostics",
    "--project",
    join(root, "tsconfig.json"),
    "--strict",
    "--format=text",
    "--severity=error,warning",
  ]),
  imports,
  tool("unused", ["knip", "--no-progress"]),
]

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !checks.some((check) => check.name === name))
if (unknown.length > 0) {
  console.error(`Unknown check ${unknown.join(", ")}; there are ${checks.map(({ name }) => name).join(", ")}`)
  process.exit(2)
}

const outcomes = await Promise.all(
  checks
    .filter(({ name }) => wanted.length === 0 || wanted.includes(name))
    .map(async (check) => {
      const startedAt = performance.now()
      const outcome = await check.run()
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
      console.log(`${outcome.ok ? "ok    " : "FAILED"} ${check.name.padEnd(8)} ${seconds} s`)
      return { name: check.name, ok: outcome.ok, output: outcome.output }
    }),
)

const failed = outcomes.filter(({ ok }) => !ok)
for (const { name, output } of failed) console.log(`\n── ${name} ──\n${output.trim()}`)
process.exitCode = failed.length === 0 ? 0 : 1

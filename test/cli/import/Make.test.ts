import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Cluster } from "../../support/cluster.ts"
import { run } from "../../support/muster.ts"
import { waitFor } from "../../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(120_000)

const node = "127.41.1.100"
let cluster: Cluster
beforeAll(async () => {
  cluster = new Cluster("127.41.1.1")
  await cluster.ready()
  await cluster.join(node, "executable", ["--gateway=off"])
})
afterAll(() => cluster[Symbol.asyncDispose]())

const procfile = (text: string) => {
  const folder = join(cluster.folder, `app-${Math.random()}`)
  mkdirSync(folder)
  writeFileSync(join(folder, "Procfile"), text)
  return { folder, path: join(folder, "Procfile"), said: (name: string) => join(folder, name) }
}
const onManager = (...args: ReadonlyArray<string>) => run([...args, "--data", cluster.data])

test("the programs of a Procfile run on the node, with their ports, and none is made twice", async () => {
  const { path, said } = procfile(
    "web: echo $PORT > web.said; sleep 410711\nclock: echo $MUSTER_SERVICE > clock.said; sleep 410712\n",
  )
  const flags = ["--node", node, "--port", "web=9141"]
  const printed = await onManager("import", path, ...flags, "--dry-run")
  expect(printed.code).toBe(0)
  expect(printed.stdout.split("\n")[0]).toMatch(/^SERVICE +INSTANCES +USER +PORT +DESIRED +COMMAND$/)
  expect(printed.output).toContain("web: PORT: it asks for a port")
  expect(await cluster.api.call("GET", "/services")).toHaveLength(1)
  const unsure = await onManager("import", path, ...flags)
  expect(unsure).toMatchObject({ code: 2 })
  expect(unsure.output).toContain("nothing was made: --yes makes them, --dry-run only prints")

  const made = await onManager("import", path, ...flags, "--yes", "--json")
  expect(made.code).toBe(0)
  const { services } = JSON.parse(made.stdout) as { services: ReadonlyArray<{ name: string }> }
  expect(services.map(({ name }) => name)).toEqual(["web", "clock"])
  await waitFor(() => existsSync(said("web.said")) && existsSync(said("clock.said")), { timeoutMs: 60_000 })
  await waitFor(() => readFileSync(said("clock.said"), "utf8") === "clock\n")
  expect(readFileSync(said("web.said"), "utf8")).toBe("9141\n")

  const again = await onManager("import", path, ...flags, "--yes")
  expect(again).toMatchObject({ code: 1 })
  expect(again.output).toContain("web, clock: there are services of those names already; nothing was made")
})

test("what can't be made is told before anything is", async () => {
  const { folder, path } = procfile("job: sleep 410713\n")
  const config = join(folder, "ecosystem.config.json")
  writeFileSync(
    config,
    JSON.stringify({
      apps: [
        { name: "ok", script: "true" },
        { name: "bad", script: "true", kill_timeout: -1 },
      ],
    }),
  )
  const refusals: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
    [[path], "--node is missing"],
    [[path, "--node", node, "--port", "web=1"], "--port names web, but the programs are job"],
    [[join(folder, "nothing"), "--dry-run"], "may be anything by its name"],
    [[join(folder, "Procfile.none"), "--dry-run"], "does not exist"],
    [[config, "--dry-run"], "bad: "],
    [[config, "--format", "supervisord", "--dry-run"], "expected [section] or key=value"],
  ]
  for (const [args, message] of refusals) {
    const { code, output } = await onManager("import", ...args)
    expect(output).toContain(message)
    expect(code).toBe(2)
  }
})

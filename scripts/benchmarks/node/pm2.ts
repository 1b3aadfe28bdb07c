import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Pinned } from "../Pinned.ts"
import { echo, type Rival } from "./Rival.ts"

const here = import.meta.dirname

/** PM2's daemon, asked by its own client; programs in its cluster mode. */
export const pm2 = async (): Promise<Rival> => {
  const home = mkdtempSync(join(tmpdir(), "muster-bench-pm2-"))
  const client = new Pinned(1, [
    "env",
    `PM2_HOME=${home}`,
    "PM2_DISABLE_VERSION_CHECK=true",
    "node",
    join(here, "pm2.cjs"),
  ])
  const ask = async <A>(what: string, argument: object = {}): Promise<A> => {
    const answer = JSON.parse(await client.ask(JSON.stringify([what, argument]))) as { value: A; error?: string }
    if (answer.error !== undefined) throw new Error(`PM2, ${what}: ${answer.error}`)
    return answer.value
  }
  await ask("connect")
  const defined = new Map<string, object>()
  const known = new Set<string>()
  return {
    name: "PM2",
    daemon: Number(readFileSync(join(home, "pm2.pid"), "utf8")),
    add: (name, port, instances) => {
      const env = { PORT: String(port) }
      defined.set(name, { name, script: join(here, "echo.cjs"), exec_mode: "cluster", instances, env })
      return Promise.resolve()
    },
    start: async (name) => {
      await (known.has(name) ? ask("again", { name }) : ask("start", defined.get(name)))
      known.add(name)
    },
    stop: (name) => ask("stop", { name }),
    pids: (name) => (known.has(name) ? ask("pids", { name }) : Promise.resolve([])),
    call: (port) => echo("127.0.0.1", port),
    [Symbol.asyncDispose]: async () => {
      await ask("end").catch(() => undefined)
      await client.stop()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

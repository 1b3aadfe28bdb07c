import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, expect, test } from "bun:test"
import { processesOf, run, temporaryFolder } from "../support/muster.ts"
import { Systemd } from "../support/systemd.ts"
import { waitFor } from "../support/waitFor.ts"

const folder = temporaryFolder()
const units = join(folder.path, "units")
mkdirSync(units)
// Where systemd is not installed, or may not run beside the one of the host, there is nothing to be tested with.
const systemd = await Systemd.start(units)
afterAll(async () => {
  await systemd?.[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** A watchdog that is worth waiting for, and without what an instance for a user can't hide from its units. */
const dropIn = "[Service]\nWatchdogSec=2\nProtectHome=false\nProtectKernelLogs=false\nProtectKernelTunables=false\n"

test.skipIf(systemd === undefined)(
  "a real systemd starts the manager's unit, sees it ready, starts it again when it is frozen, and stops it",
  async () => {
    if (systemd === undefined) return
    const unit = "muster-manager"
    const data = join(folder.path, "data")
    const page = "http://127.1.90.1:8800"
    const flags = ["--role=manager", `--data=${data}`, "--listen=127.1.90.1:8800"]
    expect((await run(["systemd", ...flags, "--install", `--unit-dir=${units}`])).code).toBe(0)
    mkdirSync(join(units, `${unit}.service.d`))
    writeFileSync(join(units, `${unit}.service.d/test.conf`), dropIn)
    // What --install says to type.
    mkdirSync(data)
    await systemd.control("daemon-reload")
    expect(await systemd.control("start", unit)).toEqual({ code: 0, output: "" })

    expect((await fetch(`${page}/api/health`)).ok).toBe(true)
    expect(await systemd.show(unit)).toMatchObject({ ActiveState: "active", StatusText: `page on ${page}` })
    const [manager] = processesOf(data)
    const pid = manager?.pid ?? 0
    expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^NoNewPrivs:\t1$/m)
    expect(() => writeFileSync(`/proc/${pid}/root/etc/muster-was-here`, "")).toThrow("EROFS")

    process.kill(pid, "SIGSTOP")
    await waitFor(
      async () => {
        const { ActiveState, NRestarts } = await systemd.show(unit)
        return NRestarts === "1" && ActiveState === "active"
      },
      { timeoutMs: 30_000 },
    )
    expect((await fetch(`${page}/api/health`)).ok).toBe(true)

    expect(await systemd.control("stop", unit)).toEqual({ code: 0, output: "" })
    expect(await systemd.show(unit)).toMatchObject({ ActiveState: "inactive", Result: "success", ExecMainStatus: "0" })
    expect(processesOf(data)).toEqual([])
  },
  60_000,
)

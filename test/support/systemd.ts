import { existsSync, readFileSync } from "node:fs"
import { waitFor } from "./waitFor.ts"

const daemon = "/lib/systemd/systemd"
const isHere = process.getuid?.() === 0 && existsSync(daemon) && Bun.which("unshare") !== null

/** A mount of its own hides the host's systemd from this one, and this one from the host. */
const script = `mount -t tmpfs none /run && mkdir -p /run/systemd/system /run/user/0 && ${daemon} --user & wait`
const runtime = "/run/user/0"

/** systemd itself, as it runs units for a user, in namespaces of its own. It and all it runs end with `using`. */
export class Systemd {
  readonly #child: Bun.Subprocess
  readonly #init: number

  private constructor(child: Bun.Subprocess, init: number) {
    this.#child = child
    this.#init = init
  }

  /** One that reads the units of this folder; undefined where there is none, or it is not let run. */
  static async start(unitDir: string): Promise<Systemd | undefined> {
    if (!isHere) return undefined
    const command = ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "--kill-child", "sh", "-c", script]
    const env = { ...process.env, XDG_RUNTIME_DIR: runtime, SYSTEMD_UNIT_PATH: `${unitDir}:/usr/lib/systemd/user` }
    const child = Bun.spawn(command, { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" })
    try {
      return await waitFor(
        async () => {
          const init = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").split(" ")[0])
          if (init === 0) return undefined
          const started = new Systemd(child, init)
          return (await started.control("show", "--property=Version")).code === 0 && started
        },
        { timeoutMs: 8_000 },
      )
    } catch {
      child.kill("SIGKILL")
      return undefined
    }
  }

  /** `systemctl` with these arguments. */
  async control(...args: ReadonlyArray<string>) {
    const command = ["nsenter", "-t", `${this.#init}`, "-m", "-p", "systemctl", "--user", ...args]
    const child = Bun.spawn(command, {
      env: { ...process.env, XDG_RUNTIME_DIR: runtime },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    })
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    return { code: await child.exited, output: `${stdout}${stderr}` }
  }

  /** Properties of a unit, by name. */
  async show(unit: string): Promise<Readonly<Record<string, string>>> {
    const { output } = await this.control("show", unit)
    return Object.fromEntries(
      output.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    )
  }

  async [Symbol.asyncDispose]() {
    this.#child.kill("SIGKILL")
    await this.#child.exited
  }
}

import { mkdtempSync, rmSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Layer, Logger, ManagedRuntime } from "effect"
import { type ManagerConfig, ManagerHandle, managerLayer } from "../../../src/manager/Manager.ts"
import { HashCost } from "../../../src/manager/people/People.ts"

const cheap = { logN: 10, r: 8, p: 1 }

export type Answer = { readonly status: number; readonly headers: Headers; readonly text: string }

/** A manager as it runs, on a free port and an empty SQLite store. */
export const startManager = async (config: Partial<ManagerConfig> = {}) => {
  const dataDir = config.dataDir ?? mkdtempSync(join(tmpdir(), "muster-manager-"))
  const logs: Array<string> = []
  const quiet = Logger.layer([Logger.map(Logger.formatLogFmt, (line) => void logs.push(line))])
  const runtime = ManagedRuntime.make(
    managerLayer({
      dataDir,
      database: "sqlite",
      listen: { host: "127.0.0.1", port: 0 },
      tls: undefined,
      insecureHttp: false,
      ...config,
    }).pipe(Layer.provide(Layer.succeed(HashCost, cheap)), Layer.provide(quiet)),
  )
  const context = await runtime.context()
  const handle = Context.get(context, ManagerHandle)
  const token = (await readFile(join(dataDir, "manager/cli-token"), "utf8")).trim()
  const stop = async () => {
    await runtime.dispose()
    if (config.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
  }
  return { url: handle.url, admin: handle.firstAdmin, handle, dataDir, token, logs, stop, [Symbol.asyncDispose]: stop }
}
export type TestManager = Awaited<ReturnType<typeof startManager>>

type Sent = {
  readonly method?: string
  readonly form?: Record<string, string> | ReadonlyArray<readonly [string, string]>
  readonly json?: unknown
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** A browser without a screen: it keeps cookies and sends what htmx sends. */
export class Visitor {
  readonly cookies = new Map<string, string>()
  csrf = ""
  readonly manager: Pick<TestManager, "url" | "admin">
  constructor(manager: Pick<TestManager, "url" | "admin">) {
    this.manager = manager
  }

  async raw(path: string, sent: Sent = {}): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ")
    const form =
      sent.form === undefined ? undefined : new URLSearchParams(sent.form as Record<string, string>).toString()
    const json = sent.json === undefined ? undefined : JSON.stringify(sent.json)
    const body = sent.body ?? form ?? json
    const response = await fetch(`${this.manager.url}${path}`, {
      method: sent.method ?? "GET",
      redirect: "manual",
      headers: {
        ...(cookie === "" ? {} : { cookie }),
        ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
        ...(json === undefined ? {} : { "content-type": "application/json" }),
        ...sent.headers,
      },
      ...(body === undefined ? {} : { body }),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/max-age=0/i.test(line)) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return response
  }

  async ask(path: string, sent: Sent = {}): Promise<Answer> {
    const response = await this.raw(path, sent)
    return { status: response.status, headers: response.headers, text: await response.text() }
  }

  /** As htmx sends it from a page of ours. */
  htmx(path: string, sent: Sent = {}): Promise<Answer> {
    return this.ask(path, {
      ...sent,
      headers: {
        "hx-request": "true",
        origin: this.manager.url,
        "sec-fetch-site": "same-origin",
        ...(this.csrf === "" ? {} : { "x-csrf-token": this.csrf }),
        ...sent.headers,
      },
    })
  }

  async login(): Promise<this> {
    const { name, password } = this.manager.admin!
    const answer = await this.htmx("/login", { method: "POST", form: { name, password } })
    if (answer.headers.get("hx-redirect") !== "/") throw new Error(`not logged in: ${answer.status} ${answer.text}`)
    const { text } = await this.ask("/password")
    this.csrf = /X-CSRF-Token&quot;:&quot;([0-9a-f]+)/.exec(text)?.[1] ?? ""
    return this
  }
}

/** The API with the command line's token. */
export const api = (manager: TestManager) => async (method: string, path: string, body?: unknown) => {
  const response = await fetch(`${manager.url}/api${path}`, {
    method,
    headers: {
      authorization: `Bearer ${manager.token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) }
}

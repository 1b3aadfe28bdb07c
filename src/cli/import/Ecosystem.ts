import {
  bytesOf,
  defined,
  type Imported,
  ImportFailed,
  type SpecInput,
  type Surroundings,
  type Warning,
  wordsOf,
} from "./Program.ts"

type App = Readonly<Record<string, unknown>>

const logs = "Muster keeps the logs of each instance itself: muster logs shows them"
const watching = "files are not watched: muster restart, or reload, starts it anew"
const backoff = "restarts wait by a growing time of their own, 0.5 s to 60 s"

/** Why a key has no counterpart. */
const notCarried: Readonly<Record<string, string>> = {
  cron_restart: "make a cron task that restarts it",
  watch: watching,
  watch_delay: watching,
  ignore_watch: watching,
  watch_options: watching,
  restart_delay: backoff,
  exp_backoff_restart_delay: backoff,
  log_file: logs,
  out_file: logs,
  error_file: logs,
  output: logs,
  error: logs,
  log: logs,
  log_type: logs,
  merge_logs: logs,
  combine_logs: logs,
  log_date_format: logs,
  time: logs,
  pid_file: logs,
  wait_ready: "give it a readiness probe, in its process spec",
  shutdown_with_message: "there is no message: it gets the stop signal",
  instance_var: "the number of an instance is in MUSTER_INSTANCE",
  increment_var: "instances have the same variables, but for MUSTER_INSTANCE",
  namespace: "there are no namespaces",
  filter_env: "of the agent's variables only its own are left out",
}

const carried = new Set([
  "name",
  "script",
  "args",
  "cwd",
  "interpreter",
  "exec_interpreter",
  "interpreter_args",
  "node_args",
  "instances",
  "exec_mode",
  "env",
  "max_memory_restart",
  "kill_timeout",
  "listen_timeout",
  "min_uptime",
  "autorestart",
  "max_restarts",
  "stop_exit_codes",
  "uid",
  "user",
  "gid",
  "port",
  "treekill",
  "force",
  "vizion",
  "source_map_support",
  "automation",
  "disable_source_map_support",
  "autostart",
  "append_env_to_name",
])

/** By the script's ending; none: it is a program itself. */
const interpreters: Readonly<Record<string, string>> = {
  js: "node",
  cjs: "node",
  mjs: "node",
  ts: "bun",
  tsx: "bun",
  py: "python3",
  sh: "bash",
  rb: "ruby",
  php: "php",
  pl: "perl",
}

const isObject = (value: unknown): value is App => typeof value === "object" && value !== null && !Array.isArray(value)

const textOf = (app: App, ...keys: ReadonlyArray<string>): string | undefined => {
  const value = keys.map((key) => app[key]).find((found) => found !== undefined && found !== null)
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined
}

const words = (value: unknown, where: string): ReadonlyArray<string> => {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value.map(String)
  const found = wordsOf(String(value))
  if (found === undefined) throw new ImportFailed(`${where}: a quotation mark has no partner`)
  return found
}

/** Milliseconds from a number, or from a text such as `1h`, `5m`, `3s`. */
const msOf = (value: unknown): number | undefined => {
  if (typeof value === "number") return value
  const [, digits, unit = ""] = /^(\d+)(h|m|s)?$/.exec(String(value ?? "")) ?? []
  const factors: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000 }
  return digits === undefined ? undefined : Number(digits) * (factors[unit] ?? 1)
}

const environment = (app: App): Readonly<Record<string, string>> => ({
  ...(app["port"] === undefined ? {} : { PORT: String(app["port"]) }),
  ...(isObject(app["env"])
    ? Object.fromEntries(
        Object.entries(app["env"]).map(([name, value]) => [
          name,
          typeof value === "object" ? JSON.stringify(value) : String(value),
        ]),
      )
    : {}),
})

const instancesOf = (app: App, cpus: number): number => {
  const { instances } = app
  const count = instances === "max" ? 0 : Number(instances ?? 1)
  return count > 0 ? count : Math.max(1, cpus + count)
}

const commandOf = (app: App, folder: string, where: string): SpecInput => {
  const script = textOf(app, "script")
  if (script === undefined) throw new ImportFailed(`${where} has no script`)
  const args = words(app["args"], `${where} args`)
  // As PM2 does with more than one word: bash takes it.
  if (/\s/.test(script.trim())) return { shell: [script.trim(), ...args].join(" ") }
  const ending = /\.(\w+)$/.exec(script)?.[1] ?? ""
  const interpreter = textOf(app, "interpreter", "exec_interpreter") ?? interpreters[ending] ?? "none"
  const flags = words(app["interpreter_args"] ?? app["node_args"], `${where} interpreter_args`)
  const isPath = script.includes("/") || ending in interpreters
  const file = script.startsWith("/") || !isPath ? script : `${folder}/${script.replace(/^(?:\.\/)+/, "")}`
  return { argv: interpreter === "none" ? [file, ...args] : [interpreter, ...flags, file, ...args] }
}

const specOf = (app: App, around: Surroundings, where: string): SpecInput => {
  const given = textOf(app, "cwd")
  const cwd =
    given === undefined
      ? around.folder
      : given.startsWith("/")
        ? given
        : `${around.folder}/${given.replace(/^(?:\.\/)+/, "")}`
  const instances = instancesOf(app, around.cpus)
  const memory = app["max_memory_restart"]
  const codes = app["stop_exit_codes"]
  return defined({
    kind: "command",
    command: commandOf(app, cwd, where),
    cwd,
    instances: instances === 1 ? undefined : instances,
    env: environment(app),
    user: textOf(app, "uid", "user"),
    group: textOf(app, "gid"),
    maxRssBytes: memory === undefined ? undefined : typeof memory === "number" ? memory : bytesOf(String(memory)),
    drainTimeoutMs: msOf(app["kill_timeout"]) ?? 1_600,
    startTimeoutMs: msOf(app["listen_timeout"]),
    startMs: msOf(app["min_uptime"]) ?? 1_000,
    stopSignal: "INT",
    desired: app["autostart"] === false ? "stopped" : undefined,
    restart: app["autorestart"] === false ? "never" : codes === undefined ? "always" : "unexpected",
    successCodes: codes === undefined ? undefined : [codes].flat().map(Number),
    run: { startRetries: Number(app["max_restarts"] ?? 16) },
  })
}

const warningsOf = (name: string, app: App, cpus: number): ReadonlyArray<Warning> => {
  const say = (key: string, message: string): Warning => ({ program: name, key, message })
  const own = Object.keys(app).flatMap((key) => {
    if (key.startsWith("env_")) return [say(key, "one environment is carried over, env: give the others by hand")]
    if (carried.has(key) || app[key] === false || app[key] === undefined) return []
    return [say(key, notCarried[key] ?? "there is no such setting")]
  })
  const isCluster = app["exec_mode"] === "cluster" || app["exec_mode"] === "cluster_mode"
  const instances = app["instances"]
  return [
    ...own,
    ...(isCluster && instancesOf(app, cpus) > 1
      ? [
          say(
            "exec_mode",
            "instances are processes of their own: to share a port they take the socket that passSocket gives them, or listen with reusePort",
          ),
        ]
      : []),
    ...(instances === "max" || Number(instances ?? 1) <= 0
      ? [say("instances", `as many as this host has CPUs, ${instancesOf(app, cpus)}`)]
      : []),
  ]
}

const baseName = (script: string) =>
  script
    .trim()
    .split(/\s/)[0]
    ?.split("/")
    .at(-1)
    ?.replace(/\.\w+$/, "") ?? ""

/** The apps of a PM2 configuration, as its file exports it. */
export const fromEcosystem = (config: unknown, around: Surroundings): Imported => {
  const apps = Array.isArray(config)
    ? config
    : isObject(config) && "apps" in config
      ? [config["apps"]].flat()
      : [config]
  const imported = apps.map((app: unknown, index) => {
    const where = `apps[${index}]`
    if (!isObject(app)) throw new ImportFailed(`${where} is no object`)
    const name = textOf(app, "name") ?? baseName(textOf(app, "script") ?? "")
    return { program: { name, spec: specOf(app, around, where) }, warnings: warningsOf(name, app, around.cpus) }
  })
  const deploy =
    isObject(config) && "deploy" in config
      ? [{ program: "", key: "deploy", message: "Muster does not deploy code" }]
      : []
  return {
    programs: imported.map(({ program }) => program),
    warnings: [...imported.flatMap(({ warnings }) => warnings), ...deploy],
  }
}

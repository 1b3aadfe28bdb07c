import { Cause, Context, Effect, Exit, Fiber, Layer, ManagedRuntime } from "effect"
import { Departure } from "../node/Departure.ts"
import type { NodeConfig } from "../node/Node.ts"
import { compileSoon } from "../platform/Compiler.ts"
import { readText } from "../platform/DurableFile.ts"
import { hostname, keepAlive, writeOut } from "../platform/Env.ts"
import { isStopping, onLeave, onStop, onUpgrade } from "../platform/Signals.ts"
import { listen } from "../platform/Transport.ts"
import { becomeSuccessor, successorVersion, takeHandedOn } from "../platform/Upgrade.ts"
import { version } from "../platform/Version.ts"
import { CommandFailed, exitCodes, UsageError } from "./Failure.ts"
import type { HostPort } from "./Flag.ts"
import { gatewaySettings } from "./GatewaySettings.ts"
import { logLayer } from "./Log.ts"
import { reapOrphans } from "./Reaping.ts"
import type { RoleSettings } from "./RoleCommand.ts"
import { staySmall } from "./StaySmall.ts"
import { makeNotice } from "./systemd/Notice.ts"

/** Runs a role until a signal stops it. Answers the exit code; throws UsageError or CommandFailed. */
export const runRole = async (settings: RoleSettings): Promise<number> => {
  const release = keepAlive()
  const departure = new Departure(await takeHandedOn())
  const runtime = ManagedRuntime.make(logLayer(settings))
  const fiber = runtime.runFork(Effect.scoped(runNoticed(settings, departure)))
  const depart = (note: string) => runtime.runFork(Effect.andThen(Effect.logInfo(note), Fiber.interrupt(fiber)))
  onStop((signal) => {
    departure.how = "stop"
    depart(`${signal}: stopping; a second one stops at once`)
  })
  // The manager has nothing that goes on without it.
  if (settings.role !== "manager") {
    onLeave((signal) => {
      departure.how = "leave"
      depart(`${signal}: ending; the services run on, and the next agent takes them over`)
    })
    onUpgrade(() => {
      const begin = Effect.map(tryUpgrade, (found) => {
        if (found === undefined || isStopping()) return
        departure.how = "upgrade"
        depart(`upgrading from ${version} to ${found}; the services run on`)
      })
      runtime.runFork(begin)
    })
  }
  const exit = await runtime.runPromise(Fiber.await(fiber))
  if (departure.how === "upgrade") throw new CommandFailed({ message: await becomeSuccessor(departure.handsOn) })
  release()
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return exitCodes.done
  throw failureOf(exit.cause)
}

/** The version that would take over; undefined: none that runs, so this one goes on. */
const tryUpgrade = Effect.tryPromise({
  try: successorVersion,
  catch: (cause) => new CommandFailed({ message: cause instanceof Error ? cause.message : String(cause) }),
}).pipe(
  Effect.catch(({ message }) =>
    Effect.as(Effect.logError(`not upgraded, and going on as before: ${message}`), undefined),
  ),
)

const runNoticed = Effect.fnUntraced(function* (settings: RoleSettings, departure: Departure) {
  const notice = yield* makeNotice
  yield* reapOrphans
  yield* Effect.forkScoped(staySmall)
  const running = roles[settings.role](settings, departure).pipe(
    Effect.tap(notice.ready),
    Effect.andThen(Effect.never),
    // Before the role's scope ends, which is when it drains.
    Effect.onExit(() => (departure.how === "upgrade" ? notice.reloading : notice.stopping)),
  )
  return yield* Effect.scoped(running)
})

/** Each answers, when it listens, what there is to say of it in one line. */
const manager = Effect.fn("Roles.manager")(function* (settings: RoleSettings) {
  yield* claim("listen", settings.page)
  const handle = yield* startManager(settings)
  announce([...pageLines(handle), ["data", settings.data]], settings)
  return `page on ${handle.url}`
})

const node = Effect.fn("Roles.node")(function* (settings: RoleSettings, departure: Departure) {
  const { join, token } = settings
  const gateway = yield* gatewaySettings(settings)
  yield* claim("listen", settings.agent)
  if (gateway?.isRequired === true) yield* claim("gateway", gateway.listen)
  const given = join === undefined || token === undefined ? undefined : { url: join, token }
  if (join !== undefined && token === undefined && !(yield* hasJoined(settings))) {
    return yield* new UsageError({
      message: "--token is missing: muster token create on the manager's host makes one",
    })
  }
  const handle = yield* startNode(settings, { join: given, gateway, departure })
  announce([...agentLines(handle, settings.agent), ["data", settings.data]], settings)
  return agentStatus(handle, settings.agent)
})

const standalone = Effect.fn("Roles.standalone")(function* (settings: RoleSettings, departure: Departure) {
  const gateway = yield* gatewaySettings(settings)
  yield* claim("listen", settings.page)
  yield* claim("node-listen", settings.agent)
  if (gateway?.isRequired === true) yield* claim("gateway", gateway.listen)
  const page = yield* startManager(settings)
  // A node that was here before goes on as the one it is; only a new data folder needs a token, made without a person.
  const isNew = !(yield* hasJoined(settings))
  const join = isNew ? { url: page.url, token: yield* page.createLocalToken } : undefined
  const agent = yield* startNode(settings, { join, gateway, departure })
  announce([...pageLines(page), ...agentLines(agent, settings.agent), ["data", settings.data]], settings)
  return `page on ${page.url}, ${agentStatus(agent, settings.agent)}`
})

const hasJoined = ({ data }: RoleSettings) =>
  Effect.promise(async () => (await readText(`${data}/node.json`)) !== undefined)

const roles = { manager, node, standalone } as const

/**
 * Finds out that a port is taken before anything is made: a first start that failed later would have told nobody the
 * password of the first admin.
 */
const claim = Effect.fn("Roles.claim")(function* (name: string, at: HostPort) {
  if (at.port === 0) return
  const listener = yield* Effect.tryPromise({
    try: () => listen({ on: at, onConnection: (duplex) => duplex.destroy() }),
    catch: (cause) => new UsageError({ message: `--${name} ${show(at)} ${whyNot(cause)}` }),
  })
  yield* Effect.promise(() => listener.close())
})

const show = ({ host, port }: HostPort) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`)

const whyNot = (cause: unknown): string => {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined
  if (code === "EADDRINUSE") return "is in use: another program listens there"
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EINVAL") return "is not an address of this host"
  if (code === "EACCES") return "needs more rights than this process has"
  return `cannot be listened on: ${cause instanceof Error ? cause.message : String(cause)}`
}

/** Each role loads only what it runs. */
const startManager = Effect.fn("Roles.startManager")(function* (settings: RoleSettings) {
  const { ManagerHandle, managerLayer } = yield* Effect.promise(async () => {
    // A library of its needs that. Bun, from source, may run a CommonJS module after its importers otherwise.
    await import("../platform/ReflectMetadata.ts")
    return await import("../manager/Manager.ts")
  })
  const { data, database, insecureHttp, page, tls } = settings
  const context = yield* Layer.build(managerLayer({ dataDir: data, database, listen: page, tls, insecureHttp }))
  // People wait for its pages; an agent that idles is small and quiet as it is.
  compileSoon()
  return Context.get(context, ManagerHandle)
})

type NodeStart = Pick<NodeConfig, "join" | "gateway" | "departure">

const startNode = Effect.fn("Roles.startNode")(function* (settings: RoleSettings, start: NodeStart) {
  const { NodeHandle, nodeLayer } = yield* Effect.promise(() => import("../node/Node.ts"))
  const { advertise, agent, data, name = hostname() } = settings
  const context = yield* Layer.build(nodeLayer({ dataDir: data, listen: agent, advertise, name, ...start }))
  return Context.get(context, NodeHandle)
})

type Line = readonly [label: string, text: string]

type Page = { readonly url: string; readonly firstAdmin: { name: string; password: string } | undefined }

const pageLines = ({ firstAdmin, url }: Page): ReadonlyArray<Line> => [
  ["page", url],
  ...(firstAdmin === undefined
    ? []
    : [["login", `${firstAdmin.name} / ${firstAdmin.password} (shown this once)`] as const]),
]

type Agent = { readonly nodeId: string; readonly port: number; readonly gatewayUrl: string | undefined }

const agentLines = ({ gatewayUrl, nodeId, port }: Agent, { host }: HostPort): ReadonlyArray<Line> => [
  ["node", `${nodeId}, agent on ${show({ host, port })}`],
  ...(gatewayUrl === undefined ? [] : [["calls", `${gatewayUrl}/rpc/SERVICE/METHOD`] as const]),
]

const agentStatus = ({ gatewayUrl, port }: Agent, { host }: HostPort) =>
  `agent on ${show({ host, port })}${gatewayUrl === undefined ? "" : `, gateway on ${gatewayUrl}`}`

/** For the person who started it; programs ask the API. */
const announce = (lines: ReadonlyArray<Line>, { role }: RoleSettings) => {
  const rows = lines.map(([label, text]) => `  ${label.padEnd(6)}${text}`)
  writeOut([`Muster ${version}, ${role}`, ...rows, "  Ctrl-C stops it", ""].join("\n"))
}

/** What the person who typed the command can put right is told as such, everything else as a failure. */
const failureOf = (cause: Cause.Cause<unknown>): UsageError | CommandFailed => {
  const error = Cause.squash(cause)
  if (error instanceof UsageError) return error
  const message = error instanceof Error && error.message !== "" ? error.message : Cause.pretty(cause)
  return isUsage(error) ? new UsageError({ message }) : new CommandFailed({ message })
}

const usageCodes: ReadonlySet<unknown> = new Set([
  "EADDRINUSE",
  "EADDRNOTAVAIL",
  "in-use",
  "certificate",
  "token",
  "url",
  "NotJoined",
  "DataFolderUnusable",
])

const isUsage = (error: unknown): boolean => {
  if (typeof error !== "object" || error === null) return false
  const { _tag, cause, code, reason }: { _tag?: unknown; cause?: unknown; code?: unknown; reason?: unknown } = error
  return [_tag, code, reason].some((mark) => usageCodes.has(mark)) || isUsage(cause)
}

import { Clock, Context, Data, DateTime, Effect, Layer } from "effect"
import { useAssetUrls } from "../../../ui/AssetUrl.ts"
import { isLoopback } from "../../domain/Loopback.ts"
import { Assets } from "../../platform/Assets.ts"
import { describe } from "../../platform/Certificates.ts"
import { readText, writeDurably } from "../../platform/DurableFile.ts"
import { hostname } from "../../platform/Env.ts"
import { type HttpTls, ListenError, serve } from "../../platform/HttpServer.ts"
import { Authority, renewMs } from "../fleet/Authority.ts"
import { makeApp } from "./App.ts"
import { makeRoutes, type PageServices } from "./Routes.ts"

export type PageConfig = {
  /** `manager/page.json` there tells the commands on this host where the page is. */
  readonly dataDir: string
  readonly listen: { readonly host: string; readonly port: number }
  /** Files of the page's own certificate and key (PEM); undefined: one of the cluster's authority where one is needed. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  /** Plain HTTP although the page is not on loopback. */
  readonly insecureHttp: boolean
}

/** The page can't be served. `message` is one sentence for the person who started it. */
export class PageUnavailable extends Data.TaggedError("PageUnavailable")<{
  readonly reason: ListenError["reason"] | "certificate"
  readonly message: string
  readonly cause?: unknown
}> {}

/** What runs at the stop may take so long; then it is cut off. */
const graceMs = 3_000

const readPem = Effect.fnUntraced(function* (path: string) {
  const text = yield* Effect.tryPromise({
    try: () => readText(path),
    catch: (cause) => new PageUnavailable({ reason: "certificate", message: `Cannot read ${path}`, cause }),
  })
  if (text?.includes("-----BEGIN ") === true) return text
  const message = text === undefined ? `There is no file ${path}` : `${path} is no PEM file`
  return yield* new PageUnavailable({ reason: "certificate", message: `${message}: the page has no certificate` })
})

const isWildcard = (host: string) => host === "0.0.0.0" || host === "::"

/** The name under which others reach the page: the host's own when it listens on all addresses. */
const publicHost = ({ host }: PageConfig["listen"]) => (isWildcard(host) ? hostname() : host)

/** An address at which this very host reaches the page. */
const localHost = ({ host }: PageConfig["listen"]) => (isWildcard(host) ? (host === "::" ? "::1" : "127.0.0.1") : host)

const tellCommands = (dataDir: string, page: { readonly url: string; readonly local: string }) =>
  Effect.tryPromise(() => writeDurably(`${dataDir}/manager/page.json`, `${JSON.stringify(page)}\n`, 0o644)).pipe(
    Effect.catch((error) =>
      Effect.logWarning("commands on this host need --url: the page's address is not kept", error),
    ),
  )

const tlsFor = Effect.fnUntraced(function* (config: PageConfig) {
  const { listen, tls, insecureHttp } = config
  if (tls !== undefined) {
    const given: HttpTls = { cert: yield* readPem(tls.cert), key: yield* readPem(tls.key) }
    return given
  }
  if (isLoopback(listen.host) || insecureHttp) return undefined
  const authority = yield* Authority
  const names = isWildcard(listen.host) ? [hostname(), "127.0.0.1", "::1"] : [listen.host, hostname()]
  return yield* authority.page(names)
})

const lookEveryMs = 86_400_000

/** Says in time, and once a day, that the page's certificate ends. A server does not take another one while it runs. */
export const watchCertificate = Effect.fnUntraced(function* (pem: string, isOwn: boolean) {
  const { expiresAt } = describe(pem)
  const remedy = isOwn
    ? "restart the manager, which renews it"
    : "put a new one in the files of --tls-cert and --tls-key, and restart the manager"
  for (;;) {
    const left = expiresAt - (yield* Clock.currentTimeMillis)
    if (left <= renewMs)
      yield* Effect.logWarning(
        `the page's certificate ${left <= 0 ? "has ended" : "ends"} on ${DateTime.formatIsoDateUtc(DateTime.makeUnsafe(expiresAt))}: ${remedy}`,
      )
    yield* Effect.sleep(lookEveryMs)
  }
})

const make = Effect.fnUntraced(function* (config: PageConfig) {
  const { host, port } = config.listen
  const tls = yield* tlsFor(config)
  const context = yield* Effect.context<PageServices>()
  const assets = new Assets()
  useAssetUrls((name) => assets.url(name))
  const app = makeApp(makeRoutes(), context, assets)
  const fork = Effect.runForkWith(context)
  const server = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        serve({
          hostname: host,
          port,
          tls,
          fetch: (request, info) => app.fetch(request, info),
          onFault: (error) => void fork(Effect.logError("the page's server failed", error)),
        }),
      catch: (cause) =>
        cause instanceof ListenError
          ? new PageUnavailable({ reason: cause.reason, message: cause.message, cause })
          : new PageUnavailable({ reason: "other", message: `Cannot serve the page: ${String(cause)}`, cause }),
    }),
    (server) => Effect.promise(() => server.stop(graceMs)),
  )
  if (config.insecureHttp && tls === undefined && !isLoopback(host)) {
    yield* Effect.logWarning(`the page is plain HTTP on ${host}: passwords and tokens can be read on the way`)
  }
  if (tls !== undefined)
    yield* watchCertificate(tls.cert, config.tls === undefined).pipe(
      Effect.catchCause((cause) => Effect.logWarning("the end of the page's certificate is not known", cause)),
      Effect.forkScoped,
    )
  const urlAt = (name: string) =>
    `${tls === undefined ? "http" : "https"}://${name.includes(":") ? `[${name}]` : name}:${server.port}`
  const url = urlAt(publicHost(config.listen))
  yield* tellCommands(config.dataDir, { url, local: urlAt(localHost(config.listen)) })
  return PageServer.of({ url })
})

/** The manager's page and API, served until the scope ends. */
export class PageServer extends Context.Service<PageServer, { readonly url: string }>()(
  "muster/manager/http/PageServer",
) {
  static readonly layer = (config: PageConfig) => Layer.effect(PageServer, make(config))
}

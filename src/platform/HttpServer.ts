/** PEM texts. */
export type HttpTls = { readonly key: string; readonly cert: string }

export type RequestInfo = {
  /** Address of the other side; an IPv4 address without its IPv6 prefix. */
  readonly ip: string
  /** Aborts when the server begins to stop: answers that never end by themselves end then. */
  readonly closing: AbortSignal
}

export type HttpServerOptions = {
  readonly hostname: string
  /** 0: a free one. */
  readonly port: number
  /** With it the server speaks https, HTTP/2 as well as HTTP/1.1. */
  readonly tls?: HttpTls | undefined
  readonly fetch: (request: Request, info: RequestInfo) => Response | Promise<Response>
  /** Something threw that the handler did not catch; the answer is a bare 500. */
  readonly onFault?: ((error: unknown) => void) | undefined
}

export type HttpServer = {
  readonly port: number
  /** Takes no new connections, ends open streams, lets what runs finish for `graceMs`, then cuts it off. */
  readonly stop: (graceMs: number) => Promise<void>
}

/** The server can't listen there. `message` is one sentence for the person who started it. */
export class ListenError extends Error {
  override readonly name = "ListenError"
  readonly reason: "in-use" | "not-allowed" | "no-such-address" | "other"
  constructor(reason: ListenError["reason"], message: string, cause: unknown) {
    super(message, { cause })
    this.reason = reason
  }
}

/** Bodies are limited again, and lower, by each route; this is the last line. */
export const bodyBytesMax = 4 * 1024 * 1024
/** Above the 15 s ping of streams, so that only dead connections are cut. */
const idleTimeoutSeconds = 60
/** What a stream gets to say goodbye before the server waits for it. */
const streamGraceMs = 50

type Started = { readonly port: number; readonly drain: () => Promise<unknown>; readonly cut: () => unknown }

type DenoServe = {
  readonly serve: (
    options: Record<string, unknown>,
    handler: (request: Request, info: { readonly remoteAddr: { readonly hostname: string } }) => Promise<Response>,
  ) => { readonly addr: { readonly port: number }; readonly shutdown: () => Promise<void> }
}

const deno = (globalThis as { readonly Deno?: DenoServe }).Deno

const bareAddress = (ip: string) => (ip.startsWith("::ffff:") ? ip.slice(7) : ip)

const shownAddress = (hostname: string, port: number) =>
  hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`

const listenError = (options: HttpServerOptions, cause: unknown): ListenError => {
  const where = shownAddress(options.hostname, options.port)
  const { code, name, message } = cause as { readonly code?: string; readonly name?: string; readonly message?: string }
  if (code === "EADDRINUSE" || name === "AddrInUse") {
    return new ListenError("in-use", `Cannot listen on ${where}: the port is in use`, cause)
  }
  if (code === "EACCES" || name === "PermissionDenied") {
    return new ListenError("not-allowed", `Cannot listen on ${where}: not allowed (ports below 1024 need root)`, cause)
  }
  if (code === "EADDRNOTAVAIL" || name === "AddrNotAvailable") {
    return new ListenError("no-such-address", `Cannot listen on ${where}: this host does not have the address`, cause)
  }
  return new ListenError("other", `Cannot listen on ${where}: ${message ?? String(cause)}`, cause)
}

const startBun = (options: HttpServerOptions, closing: AbortSignal): Started => {
  const server = Bun.serve({
    hostname: options.hostname,
    port: options.port,
    idleTimeout: idleTimeoutSeconds,
    maxRequestBodySize: bodyBytesMax,
    development: false,
    ...(options.tls === undefined ? {} : { tls: { key: options.tls.key, cert: options.tls.cert }, http2: true }),
    fetch: (request, bun) =>
      options.fetch(request, { ip: bareAddress(bun.requestIP(request)?.address ?? ""), closing }),
    error: (error) => {
      options.onFault?.(error)
      return new Response("internal error\n", { status: 500 })
    },
  })
  return {
    port: server.port ?? options.port,
    drain: () => server.stop(false),
    cut: () => server.stop(true),
  }
}

const startDeno = (runtime: DenoServe, options: HttpServerOptions, closing: AbortSignal): Started => {
  const server = runtime.serve(
    {
      hostname: options.hostname,
      port: options.port,
      onListen: () => undefined,
      onError: (error: unknown) => {
        options.onFault?.(error)
        return new Response("internal error\n", { status: 500 })
      },
      ...(options.tls === undefined ? {} : { key: options.tls.key, cert: options.tls.cert }),
    },
    async (request, info) => options.fetch(request, { ip: bareAddress(info.remoteAddr.hostname), closing }),
  )
  // Aborting Deno's own signal while a shutdown is pending throws BadResource; what is left dies with the process.
  return { port: server.addr.port, drain: () => server.shutdown(), cut: () => undefined }
}

const within = async (work: Promise<unknown>, ms: number): Promise<boolean> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const done = await Promise.race([work.then(() => true), late])
  clearTimeout(timer)
  return done
}

/** Starts an HTTP server on the runtime's own one, Bun or Deno. Rejects with a ListenError. */
export const serve = async (options: HttpServerOptions): Promise<HttpServer> => {
  const closing = new AbortController()
  let started: Started
  try {
    started = deno === undefined ? startBun(options, closing.signal) : startDeno(deno, options, closing.signal)
  } catch (error) {
    throw listenError(options, error)
  }
  let stopping: Promise<void> | undefined
  const stop = async (graceMs: number) => {
    const drained = started.drain()
    await within(drained, streamGraceMs)
    closing.abort()
    if (!(await within(drained, graceMs))) await started.cut()
  }
  return {
    port: started.port,
    stop: (graceMs) => (stopping ??= stop(graceMs)),
  }
}

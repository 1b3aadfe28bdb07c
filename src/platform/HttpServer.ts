import { chmod, rm } from "node:fs/promises"

/** PEM texts. */
export type HttpTls = { readonly key: string; readonly cert: string }

export type RequestInfo = {
  /** Address of the other side; an IPv4 address without its IPv6 prefix. Empty on a unix socket. */
  readonly ip: string
  /** The answer may take longer than a connection may be quiet. */
  readonly patient: () => void
  /** Aborts when the server begins to stop: answers that never end by themselves end then. */
  readonly closing: AbortSignal
}

type Handling = {
  readonly fetch: (request: Request, info: RequestInfo) => Response | Promise<Response>
  /** Something threw that the handler did not catch; the answer is a bare 500. */
  readonly onFault?: ((error: unknown) => void) | undefined
}

export type HttpServerOptions = Handling & {
  readonly hostname: string
  /** 0: a free one. */
  readonly port: number
  /** With it the server speaks https, HTTP/2 as well as HTTP/1.1. */
  readonly tls?: HttpTls | undefined
}

type HttpSocketOptions = Handling & {
  /** Of the unix socket. A file that is there already is replaced. */
  readonly path: string
  /** Who may connect: those who may write to the file. */
  readonly mode: number
}

export type HttpServer = {
  /** 0 on a unix socket. */
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
    handler: (request: Request, info: { readonly remoteAddr: { readonly hostname?: string } }) => Promise<Response>,
  ) => { readonly addr: { readonly port?: number }; readonly shutdown: () => Promise<void> }
}

const deno = (globalThis as { readonly Deno?: DenoServe }).Deno

const bareAddress = (ip: string) => (ip.startsWith("::ffff:") ? ip.slice(7) : ip)

const shownAddress = (hostname: string, port: number) =>
  hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`

const shownPlace = (options: HttpServerOptions | HttpSocketOptions) =>
  "path" in options ? options.path : shownAddress(options.hostname, options.port)

const listenError = (options: HttpServerOptions | HttpSocketOptions, cause: unknown): ListenError => {
  const where = shownPlace(options)
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

const whereBun = (options: HttpServerOptions | HttpSocketOptions) => {
  // On a unix socket Bun cuts off a patient request all the same, so nothing there is cut off for being quiet. Its types
  // don't know that this can be said there too.
  if ("path" in options) return { unix: options.path, idleTimeout: 0 } as { readonly unix: string }
  const { hostname, port, tls } = options
  const secure = tls === undefined ? {} : { tls: { key: tls.key, cert: tls.cert }, http2: true }
  // Without `development` Bun shares the port with whoever else asks for that, unless it is told not to.
  return { hostname, port, reusePort: false, idleTimeout: idleTimeoutSeconds, ...secure }
}

const startBun = (options: HttpServerOptions | HttpSocketOptions, closing: AbortSignal): Started => {
  const server = Bun.serve({
    ...whereBun(options),
    maxRequestBodySize: bodyBytesMax,
    development: false,
    fetch: (request, bun) =>
      options.fetch(request, {
        ip: bareAddress(bun.requestIP(request)?.address ?? ""),
        closing,
        patient: () => bun.timeout(request, 0),
      }),
    error: (error) => {
      options.onFault?.(error)
      return new Response("internal error\n", { status: 500 })
    },
  })
  return {
    port: server.port ?? 0,
    drain: () => server.stop(false),
    cut: () => server.stop(true),
  }
}

const whereDeno = (options: HttpServerOptions | HttpSocketOptions) => {
  if ("path" in options) return { path: options.path }
  const { hostname, port, tls } = options
  return { hostname, port, ...(tls === undefined ? {} : { key: tls.key, cert: tls.cert }) }
}

const startDeno = (
  runtime: DenoServe,
  options: HttpServerOptions | HttpSocketOptions,
  closing: AbortSignal,
): Started => {
  const server = runtime.serve(
    {
      ...whereDeno(options),
      onListen: () => undefined,
      onError: (error: unknown) => {
        options.onFault?.(error)
        return new Response("internal error\n", { status: 500 })
      },
    },
    async (request, info) =>
      options.fetch(request, {
        ip: bareAddress(info.remoteAddr.hostname ?? ""),
        closing,
        // Deno cuts off nothing that is quiet.
        patient: () => undefined,
      }),
  )
  // Aborting Deno's own signal while a shutdown is pending throws BadResource; what is left dies with the process.
  return { port: server.addr.port ?? 0, drain: () => server.shutdown(), cut: () => undefined }
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

const start = (options: HttpServerOptions | HttpSocketOptions): HttpServer => {
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

/** Starts an HTTP server on the runtime's own one, Bun or Deno. Rejects with a ListenError. */
export const serve = async (options: HttpServerOptions): Promise<HttpServer> => start(options)

/** The same on a unix socket, whose file goes with it. */
export const serveSocket = async (options: HttpSocketOptions): Promise<HttpServer> => {
  const { mode, path } = options
  await rm(path, { force: true })
  const server = start(options)
  await chmod(path, mode)
  return {
    port: 0,
    stop: async (graceMs) => {
      await server.stop(graceMs)
      await rm(path, { force: true })
    },
  }
}

import { httpStatus } from "../../../platform/HttpStatus.ts"
import { dial } from "../../../platform/Transport.ts"
import { type OpenOptions, RpcConnection } from "../../../rpc/RpcConnection.ts"
import { asking, hostPort } from "./Asking.ts"

type Place = { readonly host: string; readonly port: number; readonly timeoutMs: number }

/** Good: a status from 200 to 399. */
export const askHttp = ({ host, path, port, timeoutMs }: Place & { readonly path: string }) => {
  const url = `http://${hostPort(host, port)}${path}`
  return asking(url, async (signal) => {
    const status = await httpStatus({ host, port, path, timeoutMs, signal })
    return { ok: status >= 200 && status < 400, text: `HTTP ${status} from ${url}` }
  })
}

/** Good: it accepts a connection. */
export const askTcp = ({ host, port, timeoutMs }: Place) => {
  const whom = `TCP ${hostPort(host, port)}`
  return asking(whom, async () => {
    const duplex = await dial({ to: { host, port }, timeoutMs })
    duplex.destroy()
    return { ok: true, text: `${whom}: accepted` }
  })
}

export type RpcPlace = {
  readonly to: { readonly host: string; readonly port: number } | { readonly path: string }
  readonly timeoutMs: number
  /** With which the port is called; left out: it is a plain one. */
  readonly tls?: () => OpenOptions["tls"]
}

/** Good: it answers `ping` with `pong`. */
export const askRpc = ({ timeoutMs, tls, to }: RpcPlace) => {
  const whom = `ping of ${"path" in to ? "the worker" : hostPort(to.host, to.port)}`
  return asking(whom, async (signal) => {
    const began = performance.now()
    const connection = await RpcConnection.open({ to, tls: tls?.(), client: "agent", handshakeTimeoutMs: timeoutMs })
    try {
      const leftMs = Math.max(1, Math.round(timeoutMs - (performance.now() - began)))
      const answer = await connection.call("ping", [], { timeoutMs: leftMs, signal })
      return { ok: answer === "pong", text: `${whom}: answered ${JSON.stringify(answer)}` }
    } finally {
      connection.close()
    }
  })
}

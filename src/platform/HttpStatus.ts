import { request } from "node:http"

export type HttpStatusRequest = {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * Which status an HTTP server answers a GET with; the body is not read and no redirect followed. Rejects when nothing
 * comes in time, or nobody is there.
 */
export const httpStatus = ({ host, path, port, signal, timeoutMs }: HttpStatusRequest): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = { "user-agent": "muster-probe", connection: "close" }
    const outgoing = request({ host, port, path, headers, agent: false, signal }, (response) => {
      clearTimeout(timer)
      resolve(response.statusCode ?? 0)
      response.destroy()
    })
    const timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    outgoing.on("error", (error) => {
      clearTimeout(timer)
      reject(error)
    })
    outgoing.end()
  })

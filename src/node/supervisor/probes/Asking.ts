import { Effect } from "effect"
import type { ProbeAnswer } from "../../../domain/ProbeState.ts"

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection closed",
  EHOSTUNREACH: "host not reachable",
  ENETUNREACH: "network not reachable",
  ENOENT: "nobody listens there",
  ENOTFOUND: "unknown host",
  ETIMEDOUT: "no answer",
  ConnectionRefused: "connection refused",
}

/** Why nobody answered, for a person. */
export const faultText = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  const code = "code" in cause && typeof cause.code === "string" ? words[cause.code] : undefined
  return code ?? cause.message
}

/** Whatever goes wrong while asking is a bad answer. `whom`: where was asked. */
export const badAnswer = (whom: string) =>
  Effect.catch((fault: string) => Effect.succeed<ProbeAnswer>({ ok: false, text: `${whom}: ${fault}` }))

export const asking = (whom: string, ask: (signal: AbortSignal) => Promise<ProbeAnswer>): Effect.Effect<ProbeAnswer> =>
  Effect.tryPromise({ try: ask, catch: faultText }).pipe(badAnswer(whom))

/** `host:port`, with an IPv6 address in brackets. */
export const hostPort = (host: string, port: number) => `${host.includes(":") ? `[${host}]` : host}:${port}`

import { Effect } from "effect"
import { endpointKey } from "../domain/Endpoint.ts"
import { isLoopback } from "../domain/Loopback.ts"
import { readText } from "../platform/DurableFile.ts"
import { UsageError } from "./Failure.ts"
import { bearerToken, type HostPort } from "./Flag.ts"
import type { RoleSettings } from "./RoleCommand.ts"

const defaultListen: HostPort = { host: "127.0.0.1", port: 8823 }

/** Where HTTP callers reach the node, and what they must show; undefined when it is switched off. */
export const gatewaySettings = Effect.fn("GatewaySettings.read")(function* (settings: RoleSettings) {
  const { gateway } = settings
  if (gateway === "off") return undefined
  const listen = gateway ?? defaultListen
  const token = yield* readToken(settings)
  if (token === undefined && !isLoopback(listen.host)) {
    return yield* new UsageError({
      message: `--gateway ${endpointKey({ ip: listen.host, port: listen.port })} is not on loopback, so callers must show a token: give --gateway-token-file FILE, or set MUSTER_GATEWAY_TOKEN`,
    })
  }
  return { listen, isRequired: gateway !== undefined, token }
})

const readToken = Effect.fnUntraced(function* ({ gatewayToken, gatewayTokenFile: path }: RoleSettings) {
  if (path === undefined) return gatewayToken
  if (gatewayToken !== undefined) {
    return yield* new UsageError({ message: "--gateway-token and --gateway-token-file are both given: leave one out" })
  }
  const file = yield* Effect.tryPromise({
    try: () => readText(path),
    catch: (cause) => new UsageError({ message: `Cannot read --gateway-token-file ${path}: ${String(cause)}` }),
  })
  if (file === undefined) return yield* new UsageError({ message: `There is no file ${path} (--gateway-token-file)` })
  const token = bearerToken.read(file.trim())
  if (token !== undefined) return token
  return yield* new UsageError({ message: `${path} (--gateway-token-file) does not hold ${bearerToken.expected}` })
})

import { Option, Schema } from "effect"
import { Address, Port } from "../domain/Endpoint.ts"
import { absolutePath } from "../platform/Env.ts"
import { currentMs } from "../platform/Time.ts"

/** One flag: its name on the command line, its variable, and how its text is read. */
export interface Flag<A> {
  /** Without the dashes. */
  readonly name: string
  /** One letter that may stand for the name: `-f`. */
  readonly short?: string
  /** What stands for the value in the help; undefined for a switch. */
  readonly placeholder: string | undefined
  readonly about: string
  /** Read like a given text when there is none. */
  readonly default: string | undefined
  /** Undefined: the text is not of this kind. */
  readonly read: (text: string) => A | undefined
  /** What the value must look like, to end a sentence. */
  readonly expected: string
  /** Its value is not repeated in an error. */
  readonly secret?: boolean
}

export type AnyFlag = Flag<unknown>

/** The variable that stands for a flag: `--node-listen` is MUSTER_NODE_LISTEN. */
export const variableOf = (flag: AnyFlag): string => `MUSTER_${flag.name.toUpperCase().replaceAll("-", "_")}`

type Kind<A> = Pick<Flag<A>, "placeholder" | "read" | "expected" | "secret">

/** With a default the value is always there. */
export const flag = <A>(name: string, kind: Kind<A>, about: string, fallback: string): Flag<A> => ({
  ...kind,
  name,
  about,
  default: fallback,
})

export const optional = <A>(name: string, kind: Kind<A>, about: string): Flag<A | undefined> => ({
  ...kind,
  name,
  about,
  default: undefined,
})

export const toggle = (name: string, about: string): Flag<boolean> => ({
  name,
  placeholder: undefined,
  about,
  default: "false",
  read: (text) => (["true", "1"].includes(text) ? true : ["false", "0"].includes(text) ? false : undefined),
  expected: "true or false",
})

/** The same flag, also by one letter. */
export const alsoShort = <A>(one: Flag<A>, short: string): Flag<A> => ({ ...one, short })

/** A moment as milliseconds since 1970: so long ago, or a time such as `2026-11-26T04:17:51Z`; local without a zone. */
export const moment: Kind<number> = {
  placeholder: "TIME",
  read: (value) => {
    const ago = duration.read(value)
    if (ago !== undefined) return currentMs() - ago
    const time = /^\d{4}-\d\d-\d\d(?:[T ].*)?$/.test(value) ? Date.parse(value.replace(" ", "T")) : Number.NaN
    return Number.isNaN(time) ? undefined : time
  },
  expected: "how long ago, such as 10m or 2h, or a time such as 2026-11-26T04:17:51Z",
}

export const text = (placeholder: string): Kind<string> => ({ placeholder, read: (value) => value, expected: "a text" })

export const choice = <const A extends string>(...values: ReadonlyArray<A>): Kind<A> => ({
  placeholder: values.join("|"),
  read: (value) => values.find((known) => known === value),
  expected: values.length === 1 ? `${values[0]}` : `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`,
})

/** A whole number within limits, digits only. */
export const whole = (placeholder: string, least: number, most: number): Kind<number> => ({
  placeholder,
  read: (value) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : -1
    return number >= least && number <= most ? number : undefined
  },
  expected: `a whole number from ${least} to ${most}`,
})

/** A file or folder, seen from the current folder. */
export const path = (placeholder: string): Kind<string> => ({ placeholder, read: absolutePath, expected: "a path" })

const decodes =
  <A>(schema: Schema.ConstraintDecoder<A>) =>
  (value: unknown): A | undefined =>
    Option.getOrUndefined(Schema.decodeUnknownOption(schema)(value))

export const address: Kind<string> = {
  placeholder: "ADDRESS",
  read: decodes(Address),
  expected: "an IPv4 address, an IPv6 address or a host name",
}

export type HostPort = { readonly host: string; readonly port: number }

const hostPortPattern = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/

/** Port 0 is any free port. */
export const hostPort: Kind<HostPort> = {
  placeholder: "HOST:PORT",
  read: (value) => {
    const match = hostPortPattern.exec(value)
    const host = decodes(Address)(match?.[1] ?? match?.[2])
    const port = Number(match?.[3])
    if (host === undefined || (port !== 0 && decodes(Port)(port) === undefined)) return undefined
    return { host, port }
  },
  expected: "HOST:PORT, such as 127.0.0.1:8800 or [::1]:8800",
}

/** The same, or nowhere. */
export const hostPortOrOff: Kind<HostPort | "off"> = {
  placeholder: "HOST:PORT|off",
  read: (value) => (value === "off" ? value : hostPort.read(value)),
  expected: "HOST:PORT, such as 127.0.0.1:8823 or [::1]:8823, or off",
}

/** A secret that travels in a header; shorter ones could be guessed. */
export const bearerToken: Kind<string> = {
  placeholder: "TOKEN",
  read: (value) => (/^[!-~]{16,}$/.test(value) ? value : undefined),
  expected: "at least 16 letters, digits or signs without spaces",
  secret: true,
}

const unitsMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds, from `500`, `500ms`, `30s`, `10m`, `1h`, `7d`. */
export const duration: Kind<number> = {
  placeholder: "TIME",
  read: (value) => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(value)
    const ms = Math.round(Number(match?.[1]) * (unitsMs[match?.[2] ?? "ms"] ?? 1))
    return ms >= 1 && ms <= Number(unitsMs["d"]) * 366 ? ms : undefined
  },
  expected: "a time above 0, such as 500ms, 30s, 10m, 1h or 7d",
}

/** `http://host:port` or `https://host:port`, without a trailing slash. */
export const url: Kind<string> = {
  placeholder: "URL",
  read: (value) => (/^https?:\/\/[^/]/.test(value) && URL.canParse(value) ? value.replace(/\/+$/, "") : undefined),
  expected: "a URL, such as https://manager.example:8800",
}

export const database: Kind<string> = {
  placeholder: "sqlite|mysql://…",
  read: (value) => (value === "sqlite" || (/^mysql:\/\/[^/]/.test(value) && URL.canParse(value)) ? value : undefined),
  expected: "sqlite or mysql://USER:PASSWORD@HOST:PORT/DATABASE",
  secret: true,
}

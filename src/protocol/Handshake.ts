import { leastLimits, type Limits } from "./Limits.ts"
import { protocolError } from "./Frame.ts"

export const magic = "muster"
export const versionLowest = 1
export const versionHighest = 1

export interface WorkerPlace {
  readonly id: number
  readonly count: number
  readonly pid: number
}

/** What each side says first. Keys that are not known are skipped. */
export interface Hello {
  readonly magic: typeof magic
  /** Lowest and highest version that is spoken; the highest in common is. */
  readonly versions: readonly [number, number]
  /** What this side accepts. */
  readonly limits: { readonly frame: number; readonly inFlight: number }
  readonly features: ReadonlyArray<string>
  readonly who: string
}

export interface ServerHello extends Hello {
  readonly service: string
  readonly worker: WorkerPlace
}

export const hello = (who: string, limits: Limits): Hello => ({
  magic,
  versions: [versionLowest, versionHighest],
  limits: { frame: limits.frameBytes, inFlight: limits.inFlight },
  features: [],
  who,
})

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

const fault = (field: string, value: unknown, wanted: string) =>
  protocolError(`HELLO: ${field} is ${show(value)}, expected ${wanted}`)

const show = (value: unknown) =>
  value === undefined ? "missing" : (JSON.stringify(value)?.slice(0, 80) ?? typeof value)

const whole = (value: unknown, field: string, least: number): number => {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > 0xffffffff)
    throw fault(field, value, `an integer from ${least} to 4294967295`)
  return value
}

const name = (value: unknown, field: string): string => {
  if (typeof value !== "string" || value.length > 255) throw fault(field, value, "a text of at most 255 characters")
  return value
}

const fields = (value: unknown, field: string): Fields => {
  if (!isFields(value)) throw fault(field, value, "a map")
  return value
}

const features = (value: unknown): ReadonlyArray<string> => {
  if (!Array.isArray(value) || value.length > 64 || !value.every((feature) => typeof feature === "string"))
    throw fault("features", value, "a list of at most 64 texts")
  return value as ReadonlyArray<string>
}

const versions = (value: unknown): readonly [number, number] => {
  if (!Array.isArray(value) || value.length !== 2) throw fault("versions", value, "a list of two integers")
  const lowest = whole(value[0], "versions[0]", 1)
  return [lowest, whole(value[1], "versions[1]", lowest)]
}

/** Throws an RpcError naming the field when `value` is not a HELLO. */
export const readHello = (value: unknown): Hello => {
  const given = fields(value, "the body")
  if (given["magic"] !== magic) throw fault("magic", given["magic"], `"${magic}"`)
  const limits = fields(given["limits"], "limits")
  return {
    magic,
    versions: versions(given["versions"]),
    limits: {
      frame: whole(limits["frame"], "limits.frame", leastLimits.frameBytes),
      inFlight: whole(limits["inFlight"], "limits.inFlight", 0),
    },
    features: features(given["features"]),
    who: name(given["who"], "who"),
  }
}

export const readServerHello = (value: unknown): ServerHello => {
  const given = fields(value, "the body")
  const worker = fields(given["worker"], "worker")
  const read = readHello(given)
  if (read.limits.inFlight < leastLimits.inFlight)
    throw fault("limits.inFlight", read.limits.inFlight, `at least ${leastLimits.inFlight} of a server`)
  return {
    ...read,
    service: name(given["service"], "service"),
    worker: {
      id: whole(worker["id"], "worker.id", 0),
      count: whole(worker["count"], "worker.count", 1),
      pid: whole(worker["pid"], "worker.pid", 0),
    },
  }
}

/** The version both speak; throws `failed_precondition` when there is none. */
export const commonVersion = (theirs: readonly [number, number]): number => {
  const version = Math.min(versionHighest, theirs[1])
  if (version < Math.max(versionLowest, theirs[0]))
    throw protocolError(
      `No version in common: spoken here ${versionLowest} to ${versionHighest}, there ${theirs[0]} to ${theirs[1]}`,
      "failed_precondition",
    )
  return version
}

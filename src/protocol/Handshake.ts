import { leastLimits, type Limits } from "./Limits.ts"
import { protocolError } from "./Frame.ts"

export const magic = "muster"
export const versionLowest = 1
export const versionHighest = 1

/** The feature of server streams. */
export const streamsFeature = "streams"
/** Names that a server's HELLO holds at most: it must fit into the least frame. */
export const idempotentMax = 1_000
const idempotentCharsMax = 16_384

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
  /** Methods that a client may repeat by itself. */
  readonly idempotent: ReadonlyArray<string>
}

export const hello = (who: string, limits: Limits): Hello => ({
  magic,
  versions: [versionLowest, versionHighest],
  limits: { frame: limits.frameBytes, inFlight: limits.inFlight },
  features: [streamsFeature],
  who,
})

export interface ServerHelloOptions {
  readonly service: string
  readonly worker: WorkerPlace
  readonly idempotent: ReadonlyArray<string>
  readonly limits: Limits
}

/** A key that says nothing is left out. */
export const serverHello = ({ idempotent, limits, service, worker }: ServerHelloOptions) => {
  const told = fitting(idempotent)
  return { ...hello(service, limits), service, worker, ...(told.length === 0 ? {} : { idempotent: told }) }
}

/** As many names as a HELLO holds. A client that misses one does without the repetition. */
const fitting = (names: ReadonlyArray<string>): ReadonlyArray<string> => {
  let chars = 0
  const end = names.findIndex((name, index) => (chars += name.length) > idempotentCharsMax || index >= idempotentMax)
  return end < 0 ? names : names.slice(0, end)
}

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

const idempotent = (value: unknown): ReadonlyArray<string> => {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length > idempotentMax || !value.every(isMethodName))
    throw fault("idempotent", value, `a list of at most ${idempotentMax} names of methods`)
  return value as ReadonlyArray<string>
}

const isMethodName = (value: unknown) => typeof value === "string" && value.length > 0 && value.length <= 255

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
    idempotent: idempotent(given["idempotent"]),
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

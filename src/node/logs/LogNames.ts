import { DateTime } from "effect"
import type { LogStreamName } from "../../protocol/LogMessages.ts"

/** Which output of which instance of a process set. `place`: `0`, `tasks/0`. */
export type Output = { readonly place: string; readonly stream: LogStreamName }

export const streamNames = ["out", "err"] as const satisfies ReadonlyArray<LogStreamName>

/** How an output is called in a map: `tasks/0 out`. */
export const outputKey = ({ place, stream }: Output): string => `${place} ${stream}`

/** `tasks-0.err`: what the names of all its files begin with. */
export const outputBase = ({ place, stream }: Output): string => `${place.replace("/", "-")}.${stream}`

const placeOf = (text: string) => text.replace("-", "/")

export const currentLog = (base: string) => `${base}.log`
export const currentIndex = (base: string) => `${base}.idx`
/** What a new file begins with, while the file before it is being put aside. */
export const nextLog = (base: string) => `${base}.next`

/** `20261126T041751.123Z`: names that carry it are in the order of time. */
export const stampOf = (ms: number): string => DateTime.formatIso(DateTime.makeUnsafe(ms)).replaceAll(/[-:]/g, "")

export const stampTime = (stamp: string): number =>
  Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3})Z$/, "$1-$2-$3T$4:$5:$6Z"))

export const rotatedLog = (base: string, stamp: string) => `${base}.${stamp}.log`
export const rotatedGzip = (base: string, stamp: string) => `${base}.${stamp}.log.gz`
export const rotatedIndex = (base: string, stamp: string) => `${base}.${stamp}.idx`
/** Where the members of the compressed file begin. */
export const rotatedMembers = (base: string, stamp: string) => `${base}.${stamp}.members`

export type LogName = Output & {
  /** When it was put aside; undefined: it is written to. */
  readonly stamp: string | undefined
  readonly kind: "log" | "gz" | "idx" | "members" | "next"
}

const pattern = /^((?:tasks-)?\d+)\.(out|err)(?:\.(\d{8}T\d{6}\.\d{3}Z))?\.(log|log\.gz|idx|members|next)$/

/** What a file of a log folder is; undefined: none of ours. */
export const readLogName = (name: string): LogName | undefined => {
  const [, place, stream, stamp, end] = pattern.exec(name) ?? []
  if (place === undefined || (stream !== "out" && stream !== "err")) return undefined
  const kind = end === "log.gz" ? "gz" : (end as Exclude<LogName["kind"], "gz">)
  return { place: placeOf(place), stream, stamp, kind }
}

const pipePattern = /^(.+)\.((?:tasks-)?\d+)\.(out|err)\.pipe$/

export const pipeName = (name: string, output: Output): string => `${name}.${outputBase(output)}.pipe`

export const readPipeName = (file: string): (Output & { readonly name: string }) | undefined => {
  const [, name, place, stream] = pipePattern.exec(file) ?? []
  if (name === undefined || place === undefined || (stream !== "out" && stream !== "err")) return undefined
  return { name, place: placeOf(place), stream }
}

import { Schema } from "effect"
import { NamelessSpec, type ProcessSpec, rlimitNames, stopSignals } from "../../../src/domain/ProcessSpec.ts"
import { runSettingNames, runSettings } from "../../../src/domain/RunSetting.ts"

/** How the text of a field is read; `choice`: one of few words. */
export type FieldKind =
  | "text"
  | "count"
  | "ms"
  | "bytes"
  | "flag"
  | "choice"
  | "assignments"
  | "lines"
  | "command"
  | "codes"
  | "limits"
  | "dependencies"

/** A field of the form: its path in the spec is its name. */
export type SpecField = { readonly path: string; readonly kind: FieldKind; readonly choices?: ReadonlyArray<string> }

const field = (path: string, kind: FieldKind, choices?: ReadonlyArray<string>): SpecField =>
  choices === undefined ? { path, kind } : { path, kind, choices }

export type ProbeName = "readiness" | "liveness"
export const probeNames = ["readiness", "liveness"] as const
export const probeKinds = ["exec", "http", "tcp", "rpc"] as const

const probeFields = (probe: ProbeName): ReadonlyArray<SpecField> => [
  field(`${probe}.kind`, "choice", ["", ...probeKinds]),
  field(`${probe}.command`, "command"),
  field(`${probe}.path`, "text"),
  field(`${probe}.host`, "text"),
  field(`${probe}.port`, "count"),
  field(`${probe}.periodMs`, "ms"),
  field(`${probe}.timeoutMs`, "ms"),
  field(`${probe}.rise`, "count"),
  field(`${probe}.fall`, "count"),
  field(`${probe}.delayMs`, "ms"),
]

/** What a probe of a kind has besides its kind. */
export const probeParts = (kind: string): ReadonlyArray<string> => {
  const timing = ["periodMs", "timeoutMs", "rise", "fall", "delayMs"]
  switch (kind) {
    case "exec":
      return ["command", ...timing]
    case "http":
      return ["path", "port", "host", ...timing]
    case "tcp":
      return ["port", "host", ...timing]
    case "rpc":
      return ["port", ...timing]
    default:
      return []
  }
}

const common: ReadonlyArray<SpecField> = [
  field("desired", "choice", ["running", "stopped"]),
  field("env", "assignments"),
  field("envFile", "text"),
  field("drainTimeoutMs", "ms"),
  field("startOrder", "count"),
  field("dependsOn", "dependencies"),
  field("restart", "choice", ["always", "unexpected", "never"]),
  field("successCodes", "codes"),
  ...probeNames.flatMap(probeFields),
  ...runSettingNames.map((name) => field(`run.${name}`, runSettings[name].unit)),
  field("run.logGzip", "flag"),
]

/** All fields of a kind of spec, but how a module's workers answer calls. */
export const specFields: Readonly<Record<ProcessSpec["kind"], ReadonlyArray<SpecField>>> = {
  module: [
    field("module", "text"),
    field("workers", "count"),
    field("tls", "choice", ["auto", "on", "off"]),
    ...common,
  ],
  command: [
    field("command", "command"),
    field("instances", "count"),
    field("nodes", "lines"),
    field("cwd", "text"),
    field("user", "text"),
    field("group", "text"),
    field("umask", "text"),
    field("nice", "count"),
    field("rlimits", "limits"),
    field("stopSignal", "choice", stopSignals),
    field("reloadSignal", "choice", ["", ...stopSignals]),
    field("startMs", "ms"),
    field("startTimeoutMs", "ms"),
    field("maxRssBytes", "bytes"),
    field("passSocket", "flag"),
    ...common,
  ],
}

export const fieldOf = (kind: ProcessSpec["kind"], path: string): SpecField | undefined =>
  specFields[kind].find((one) => one.path === path)

/** The field that shows what is wrong at a path: itself, or the one that it is a part of. */
export const fieldFor = (kind: ProcessSpec["kind"], path: string): string | undefined => {
  const parts = path.split(".")
  for (let length = parts.length; length > 0; length--) {
    const candidate = parts.slice(0, length).join(".")
    if (fieldOf(kind, candidate) !== undefined) return candidate
    // Of a probe as a whole only its kind is a field.
    if (length === 1 && probeNames.some((probe) => probe === candidate)) return `${candidate}.kind`
  }
  return undefined
}

const decode = Schema.decodeUnknownSync(NamelessSpec)

/** What a spec is that says nothing but what it must. */
export const emptySpecs: Readonly<Record<ProcessSpec["kind"], NamelessSpec>> = {
  module: decode({ kind: "module", module: "/module.ts" }),
  command: decode({ kind: "command", command: { shell: "true" } }),
}
export const limitNames: ReadonlyArray<string> = rlimitNames

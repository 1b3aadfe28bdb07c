import type { NamelessSpec } from "../../../src/domain/ProcessSpec.ts"
import { rpcSettingNames } from "../../../src/domain/Setting.ts"
import type { SpecFormValues } from "../../ProcessModels.ts"
import type { ProcessView } from "../../ViewModels.ts"
import { choose, compare, type Conflict, type Side, type Texts, type Unit } from "../Conflict.ts"
import type { SettingTexts } from "../SettingText.ts"
import { probeNames, specFields } from "./SpecFields.ts"
import { rpcPrefix, toForm, toJson, valuesOf } from "./SpecForm.ts"
import { formOf } from "./SpecText.ts"

const concurrency = `${rpcPrefix}methodConcurrency`
const legacy = `${rpcPrefix}legacy`

/** All of a form but what is wanted of the process, which has its own rule. */
export const flatOf = ({ kind, legacy: isLegacy, methodConcurrency, rpc, texts }: SpecFormValues): Texts => {
  const { desired: _, ...rest } = texts
  const numbers = rpcSettingNames.map((name) => [`${rpcPrefix}${name}`, rpc[name]])
  return {
    kind,
    ...rest,
    ...Object.fromEntries(numbers),
    [concurrency]: methodConcurrency,
    [legacy]: isLegacy ? "on" : "",
  }
}

const withFlat = (values: SpecFormValues, flat: Texts): SpecFormValues => {
  const kind = flat["kind"] === "command" ? "command" : "module"
  const paths = specFields[kind].flatMap(({ kind: how, path }) => (how === "command" ? [path, formOf(path)] : [path]))
  const texts = Object.fromEntries(paths.map((path) => [path, flat[path] ?? ""]))
  return {
    ...values,
    kind,
    texts: { ...texts, desired: values.texts["desired"] ?? "running" },
    rpc: Object.fromEntries(rpcSettingNames.map((name) => [name, flat[`${rpcPrefix}${name}`] ?? ""])) as SettingTexts,
    methodConcurrency: flat[concurrency] ?? "",
    legacy: flat[legacy] === "on",
  }
}

/** A probe is chosen as a whole, a command with how it is written, and one kind of spec or the other with all it has. */
const unitsOf = (mine: Texts, theirs: Texts): ReadonlyArray<Unit> => {
  if (mine["kind"] !== theirs["kind"]) return [[...new Set(["kind", ...Object.keys(mine), ...Object.keys(theirs)])]]
  const names = Object.keys(mine)
  const probes = probeNames.map((probe) => [
    `${probe}.kind`,
    ...names.filter((name) => name.startsWith(`${probe}.`) && name !== `${probe}.kind`),
  ])
  const apart = new Set(probes.flat())
  const others = names.filter((name) => !apart.has(name) && name !== formOf("command"))
  return [...others.map((name) => (name === "command" ? [name, formOf(name)] : [name])), ...probes]
}

type Edit = {
  /** As it was sent. */
  readonly values: SpecFormValues
  /** What that means. */
  readonly spec: NamelessSpec
  /** What the form was filled from; undefined: it did not say. */
  readonly opened: Texts | undefined
}

export type Settled = {
  readonly values: SpecFormValues
  readonly opened: Texts
  /** Undefined: the two can't be laid side by side. */
  readonly conflict: Conflict | undefined
}

/** An edit of a spec that somebody has changed meanwhile, with what they changed and I did not touch. */
export const settle = (edit: Edit, process: ProcessView, by: string): Settled => {
  const { opened, spec, values } = edit
  const [theirs, mine] = [valuesOf(process.spec), toForm(spec, { desired: spec.desired, desiredWas: "" })]
  const isUntouched = (values.texts["desired"] ?? values.desiredWas) === values.desiredWas
  const desired = isUntouched ? process.spec.desired : spec.desired
  const base = { opened: flatOf(theirs) }
  // One of them is only told as JSON.
  if (theirs.mode === "json" || mine.mode === "json") return { ...base, values, conflict: undefined }
  const [flatMine, flatTheirs] = [flatOf(mine), flatOf(theirs)]
  const units = unitsOf(flatMine, flatTheirs)
  const { merged, rows } = compare(units, { before: opened, theirs: flatTheirs, mine: flatMine })
  const taken = withFlat({ ...mine, desiredWas: process.spec.desired }, merged)
  const form = { ...taken, texts: { ...taken.texts, desired } }
  return {
    ...base,
    values: values.mode === "json" ? toJson(form) : form,
    conflict: { by, revision: process.revision, rows },
  }
}

type Form = {
  readonly values: SpecFormValues
  /** What it means, when it is told as JSON. */
  readonly spec?: NamelessSpec | undefined
}

/** The form with one side of a row, or of all rows when it has no name. */
export const withSide = (
  { spec, values }: Form,
  { rows }: Conflict,
  { name, side }: { readonly name?: string | undefined; readonly side: Side },
): SpecFormValues => {
  const form = spec === undefined ? values : { ...values, ...valuesOf(spec), mode: "form" as const }
  const chosen = withFlat({ ...form, desiredWas: values.desiredWas }, choose(rows, name, side, flatOf(form)))
  const wanted = { ...chosen, texts: { ...chosen.texts, desired: values.texts["desired"] ?? "running" } }
  return spec === undefined ? wanted : toJson(wanted)
}

import { Effect } from "effect"
import { readConflict, readOpened } from "../../../ui/forms/Conflict.ts"
import { oneOf } from "../../../ui/forms/Fields.ts"
import { flatOf, settle, withSide } from "../../../ui/forms/process/SpecConflict.ts"
import { specDraft, valuesOf } from "../../../ui/forms/process/SpecForm.ts"
import type { SpecFormModel, SpecFormValues } from "../../../ui/ProcessModels.ts"
import { readSpec } from "./SpecInput.ts"

/** The spec that JSON means, if it does. */
const meaningOf = (values: SpecFormValues) =>
  readSpec(specDraft(values).draft).pipe(Effect.catch(() => Effect.succeed(undefined)))

/** The fields of a form that is shown as JSON, to compare them with those of another. */
const shownOf = Effect.fnUntraced(function* (values: SpecFormValues) {
  if (values.mode === "form") return {}
  const spec = yield* meaningOf(values)
  return spec === undefined ? { shown: {} } : { shown: flatOf(valuesOf(spec)) }
})

type Carried = Pick<SpecFormModel, "opened" | "conflict" | "shown">

/** What a form takes along while it is edited: what it began from, and the conflict that is being settled in it. */
export const carriedOf = Effect.fnUntraced(function* (fields: URLSearchParams, values: SpecFormValues) {
  const conflict = readConflict(fields)
  const opened = readOpened(fields) ?? {}
  const carried: Carried = conflict === undefined ? { opened } : { opened, conflict, ...(yield* shownOf(values)) }
  return carried
})

/** The form of an edit that came too late, with what differs from what is stored now. */
export const settledOf = Effect.fnUntraced(function* (
  edit: Parameters<typeof settle>[0],
  now: Parameters<typeof settle>[1],
  by: string,
) {
  const { conflict, ...settled } = settle(edit, now, by)
  return { ...settled, ...(yield* shownOf(settled.values)), ...(conflict === undefined ? {} : { conflict }) }
})

/** The form with the side of a conflict that was chosen; undefined: none was. A text that means nothing stays. */
export const chosenOf = Effect.fnUntraced(function* (fields: URLSearchParams, values: SpecFormValues) {
  const conflict = readConflict(fields)
  const side = oneOf(String(fields.get("side") ?? ""), ["theirs", "mine", ""], "")
  if (side === "" || conflict === undefined) return undefined
  const spec = values.mode === "json" ? yield* meaningOf(values) : undefined
  if (values.mode === "json" && spec === undefined) return values
  return withSide({ values, spec }, conflict, { name: fields.get("take") ?? undefined, side })
})

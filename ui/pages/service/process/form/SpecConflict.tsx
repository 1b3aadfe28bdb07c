import { rpcSettingNames } from "../../../../../src/domain/Setting.ts"
import type { Side, Texts } from "../../../../forms/Conflict.ts"
import { flatOf } from "../../../../forms/process/SpecConflict.ts"
import { fieldOf, probeNames, probeParts } from "../../../../forms/process/SpecFields.ts"
import { rpcPrefix } from "../../../../forms/process/SpecForm.ts"
import { defaultText, isDefault } from "../../../../forms/process/SpecText.ts"
import { conflictLine, ConflictTable } from "../../../../parts/ConflictTable.tsx"
import { paths } from "../../../../Paths.ts"
import type { PageContext } from "../../../../ViewModels.ts"
import { type FormProps, labelOf, optionText } from "./SpecField.tsx"

type Kind = "module" | "command"

const kindOf = (texts: Texts, otherwise: Kind): Kind =>
  texts["kind"] === "module" || texts["kind"] === "command" ? texts["kind"] : otherwise

/** What the spec that one edits and the one that another has saved say of the same fields. */
export const SpecConflict = ({ page, model, serviceId }: FormProps & { serviceId: string }) => {
  const { conflict, values } = model
  if (conflict === undefined || conflict.rows.length === 0) return null
  const now = model.shown ?? flatOf(values)
  const wording = {
    label: (name: string) => titleOf(page, name),
    text: (name: string, texts: Texts) => valueText(page, name, texts, values.kind),
  }
  const choose = (name: string | undefined, side: Side) => ({
    "hx-post": paths.processEditor(serviceId, { side, ...(name === undefined ? {} : { take: name }) }),
    "hx-target": "#process-form",
    "hx-swap": "outerMorph",
  })
  return (
    <ConflictTable
      page={page}
      by={conflict.by}
      revision={conflict.revision}
      lines={conflict.rows.map((row) => conflictLine(row, now, wording))}
      choose={choose}
    />
  )
}

const titleOf = (page: PageContext, name: string): string => {
  const { settings, spec } = page.t
  if (name === "kind") return spec.kindLabel
  const probe = probeNames.find((one) => name === `${one}.kind`)
  if (probe !== undefined) return spec.groups[probe]
  if (name === `${rpcPrefix}legacy`) return settings.legacy
  if (name === `${rpcPrefix}methodConcurrency`) return settings.methodConcurrency
  const rpc = rpcSettingNames.find((one) => name === `${rpcPrefix}${one}`)
  return rpc === undefined ? labelOf(page, name) : settings.label[rpc]
}

const valueText = (page: PageContext, name: string, texts: Texts, known: Kind): string => {
  const { conflict, spec } = page.t
  const kind = kindOf(texts, known)
  const text = (texts[name] ?? "").trim()
  if (name === "kind") return `${spec[kind]}\n${texts[kind] ?? ""}`
  const probe = probeNames.find((one) => name === `${one}.kind`)
  if (probe !== undefined) return probeText(page, probe, texts, kind)
  const how = fieldOf(kind, name)?.kind
  if (how === "flag" || name === `${rpcPrefix}legacy`) return text === "" ? conflict.off : conflict.on
  const shown = text === "" ? defaultText(kind, name) : text
  if (how === "choice") return optionText(page, name, shown)
  return shown === "" ? "–" : shown
}

const probeText = (page: PageContext, probe: (typeof probeNames)[number], texts: Texts, kind: Kind): string => {
  const asked = texts[`${probe}.kind`] ?? ""
  const parts = probeParts(asked)
    .map((part) => `${probe}.${part}`)
    .filter((path) => !isDefault(kind, path, texts[path] ?? ""))
    .map((path) => `${labelOf(page, path)}: ${texts[path] ?? ""}`)
  return [optionText(page, `${probe}.kind`, asked), ...parts].join("\n")
}

import { type ProbeName, probeParts } from "../../../../forms/process/SpecFields.ts"
import { CommandField } from "./CommandField.tsx"
import { editorSelect } from "./Editor.ts"
import { type FormProps, SelectField, SpecFold, SpecGrid } from "./SpecField.tsx"

type Props = FormProps & { serviceId: string; probe: ProbeName }

/** A question that is asked of each process: which one, and what belongs to that one. */
export const ProbeFold = ({ page, model, serviceId, probe }: Props) => {
  const { spec } = page.t
  const kind = model.values.texts[`${probe}.kind`] ?? ""
  const parts = probeParts(kind).map((part) => `${probe}.${part}`)
  const paths = [`${probe}.kind`, ...parts]
  const help = probe === "readiness" ? spec.readinessHelp : spec.livenessHelp
  return (
    <SpecFold page={page} model={model} name={probe} paths={paths} help={help}>
      <SelectField page={page} model={model} path={`${probe}.kind`} with={editorSelect(serviceId, probe)} />
      {kind === "exec" && <CommandField page={page} model={model} path={`${probe}.command`} />}
      {kind !== "" && <SpecGrid page={page} model={model} paths={parts.filter((path) => !path.endsWith(".command"))} />}
    </SpecFold>
  )
}

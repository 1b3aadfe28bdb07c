import { described, Field } from "../../../../parts/Field.tsx"
import { errorOf, type FormProps, labelOf } from "./SpecField.tsx"

/** Nodes that run it without an endpoint: those that have joined as boxes, others by their address. */
export const Nodes = ({ page, model }: FormProps) => {
  const { spec } = page.t
  const error = errorOf({ page, model, path: "nodes" })
  const named = (model.values.texts["nodes"] ?? "").split("\n").filter((ip) => ip.trim() !== "")
  const { candidates } = model
  const others = named.filter((ip) => !candidates.some((node) => node.ip === ip.trim()))
  return (
    <Field id="nodes" label={labelOf(page, "nodes")} help={spec.help.nodes} error={error}>
      {candidates.length > 0 && (
        <div class="candidates" role="group" aria-label={labelOf(page, "nodes")}>
          {candidates.map(({ ip, name }) => (
            <label class="check">
              <input type="checkbox" class="checkbox" name="node" value={ip} checked={named.includes(ip)} />
              <span>
                {name} <span class="quiet mono">{ip}</span>
              </span>
            </label>
          ))}
        </div>
      )}
      <textarea
        id="nodes"
        name="nodes"
        class="input input-mono"
        rows={Math.max(2, others.length)}
        spellcheck={false}
        {...described("nodes", error, true)}
      >
        {`\n${others.join("\n")}`}
      </textarea>
    </Field>
  )
}

import { described, FieldError } from "../../parts/Field.tsx"
import { Icon } from "../../parts/Icon.tsx"
import { IconButton } from "../../parts/IconButton.tsx"
import type { EndpointRow, PageContext, RowErrors } from "../../ViewModels.ts"
import { editorButton } from "./EditorButton.ts"

type Props = {
  page: PageContext
  rows: ReadonlyArray<EndpointRow>
  added: number | undefined
  errors: Readonly<Record<number, RowErrors>>
}

/** One line of fields for each endpoint; the fields of all rows have the same names, in the order of the rows. */
export const EndpointRows = ({ page, rows, added, errors }: Props) => (
  <>
    {rows.length === 0 ? (
      <p class="quiet">{page.t.form.noRows}</p>
    ) : (
      <div class="table-wrap">
        <table class="table table-fixed table-fields" aria-labelledby="endpoints-label">
          <colgroup>
            <col />
            <col class="width-port" />
            <col class="width-choice" />
            <col class="width-port" />
            <col class="width-icon" />
          </colgroup>
          <thead>
            <tr>
              <th scope="col">{page.t.form.ip}</th>
              <th scope="col">{page.t.form.port}</th>
              <th scope="col">{page.t.form.status}</th>
              <th scope="col">{page.t.form.weight}</th>
              <th scope="col">
                <span class="hidden">{page.t.column.actions}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <FieldRow page={page} row={row} index={index} isAdded={index === added} errors={errors[index] ?? {}} />
            ))}
          </tbody>
        </table>
      </div>
    )}
    <div>
      <button type="button" class="button button-small" id="add-row" {...editorButton({ add: "1" })}>
        <Icon name="plus" />
        {page.t.form.addRow}
      </button>
    </div>
  </>
)

type FieldRowProps = { page: PageContext; row: EndpointRow; index: number; isAdded: boolean; errors: RowErrors }

const FieldRow = ({ page, row, index, isAdded, errors }: FieldRowProps) => {
  const { form } = page.t
  const addressError = errors.ip === undefined ? undefined : errors.ip === "twice" ? form.twice : form.address
  return (
    <tr>
      <td>
        <Cell page={page} name="ip" label={form.ip} index={index} value={row.ip} error={addressError} focus={isAdded} />
      </td>
      <td>
        <Cell
          page={page}
          name="port"
          label={form.port}
          index={index}
          value={row.port}
          error={errors.port === undefined ? undefined : form.portRange}
        />
      </td>
      <td>
        <select class="input" name="status" aria-label={form.inRow(form.status, index + 1)}>
          <option value="online" selected={row.status === "online"}>
            {page.t.endpointStatus.online}
          </option>
          <option value="offline" selected={row.status === "offline"}>
            {page.t.endpointStatus.offline}
          </option>
        </select>
      </td>
      <td>
        <Cell
          page={page}
          name="weight"
          label={form.weight}
          index={index}
          value={row.weight}
          error={errors.weight === undefined ? undefined : form.weightRange}
        />
      </td>
      <td class="actions">
        <IconButton
          icon="trash"
          label={form.removeRow(row.ip === "" ? String(index + 1) : row.ip)}
          with={{ ...editorButton({ remove: String(index) }), "hx-swap": "outerHTML" }}
        />
      </td>
    </tr>
  )
}

type CellProps = {
  page: PageContext
  name: "ip" | "port" | "weight"
  label: string
  index: number
  value: string
  error: string | undefined
  focus?: boolean
}

const Cell = ({ page, name, label, index, value, error, focus }: CellProps) => {
  const id = `${name}-${index}`
  return (
    <>
      <input
        id={id}
        name={name}
        class="input input-mono"
        value={value}
        autofocus={focus}
        inputmode={name === "ip" ? undefined : "numeric"}
        autocomplete="off"
        spellcheck={false}
        aria-label={page.t.form.inRow(label, index + 1)}
        {...described(id, error, false)}
      />
      <FieldError id={id} text={error} />
    </>
  )
}

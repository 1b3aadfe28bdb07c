import { type ConflictRow, type Side, sideOf, type Texts } from "../forms/Conflict.ts"
import type { PageContext } from "../ViewModels.ts"

type ConflictLine = {
  /** The first field of the row: its name among the others. */
  readonly name: string
  readonly label: string
  readonly before: string | undefined
  readonly theirs: string
  readonly mine: string
  /** Whose value the form has now; undefined: it was changed once more. */
  readonly side: Side | undefined
}

/** What a form calls its fields, and how it shows their values. `texts`: the fields of one side. */
type Wording = {
  readonly label: (name: string) => string
  readonly text: (name: string, texts: Texts) => string
}

/** A row as it is shown. `now`: the fields of the form. */
export const conflictLine = (row: ConflictRow, now: Texts, { label, text }: Wording): ConflictLine => {
  const name = row.unit[0] ?? ""
  return {
    name,
    label: label(name),
    before: row.before === undefined ? undefined : text(name, row.before),
    theirs: text(name, row.theirs),
    mine: text(name, row.mine),
    side: sideOf(row, now),
  }
}

type Attributes = { readonly [name: string]: string }

type Props = {
  page: PageContext
  by: string
  revision: number
  lines: ReadonlyArray<ConflictLine>
  /** What a choice does: it is to answer with the whole form. `name` undefined: all rows. */
  choose: (name: string | undefined, side: Side) => Attributes
}

/** What another person has changed in the form that one edits, both values of each side by side, to be chosen from. */
export const ConflictTable = ({ page, by, choose, lines, revision }: Props) => {
  const { conflict } = page.t
  const title = conflict.title(revision, by)
  return (
    <section class="conflict" aria-label={title}>
      <header class="conflict-head">
        <div>
          <b>{title}</b>
          <p class="quiet">{conflict.help}</p>
        </div>
        {lines.length > 1 && (
          <div class="conflict-all">
            <button type="button" class="button button-small" id="conflict-all-theirs" {...choose(undefined, "theirs")}>
              {conflict.allTheirs}
            </button>
            <button type="button" class="button button-small" id="conflict-all-mine" {...choose(undefined, "mine")}>
              {conflict.allMine}
            </button>
          </div>
        )}
      </header>
      <table class="table table-conflict" aria-label={title}>
        <thead>
          <tr>
            <th scope="col">{conflict.field}</th>
            <th scope="col">{conflict.theirs(by)}</th>
            <th scope="col">{conflict.mine}</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <tr>
              <th scope="row">
                {line.label}
                {line.before !== undefined && <span class="quiet break">{conflict.before(line.before)}</span>}
              </th>
              <Cell page={page} line={line} side="theirs" choose={choose} />
              <Cell page={page} line={line} side="mine" choose={choose} />
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

type CellProps = Pick<Props, "page" | "choose"> & { line: ConflictLine; side: Side }

const Cell = ({ choose, line, page, side }: CellProps) => {
  const { conflict } = page.t
  const whose = side === "theirs" ? conflict.takeTheirs(line.label) : conflict.keepMine(line.label)
  return (
    <td>
      <label class="choice-option">
        <input
          type="radio"
          id={`conflict-${line.name.replaceAll(".", "-")}-${side}`}
          name={`side.${line.name}`}
          value={side}
          checked={line.side === side}
          aria-label={`${whose}: ${line[side]}`}
          {...choose(line.name, side)}
          hx-trigger="change"
        />
        <span class="conflict-value">{line[side]}</span>
      </label>
    </td>
  )
}

import { outColumns, writeOut } from "../platform/Env.ts"
import { oneLine } from "./OneLine.ts"

export interface TableOptions {
  /** The columns that hold numbers, by index: aligned to the right. */
  readonly right?: ReadonlyArray<number>
  /** The width to keep within, by wrapping the last column. Default: no limit. */
  readonly width?: number | undefined
}

const gap = "  "
/** A column that is narrower than this is not read any more: its texts have lines of their own then. */
const wrapLeast = 24
const indent = "    "

/** Columns as wide as their widest text, as a terminal shows it. */
export const table = (
  rows: ReadonlyArray<ReadonlyArray<string>>,
  { right = [], width = Infinity }: TableOptions = {},
): ReadonlyArray<string> => {
  const cells = rows.map((row) => row.map(oneLine))
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => textWidth(row[column] ?? ""))))
  const last = widths.length - 1
  const pad = (text: string, column: number) =>
    right.includes(column) ? padStart(text, widths[column] ?? 0) : padEnd(text, widths[column] ?? 0)
  const line = (texts: ReadonlyArray<string>) => texts.map(pad).join(gap).trimEnd()
  const before = widths.slice(0, last).reduce((sum, one) => sum + one + gap.length, 0)
  const left = width - before
  if (right.includes(last) || left >= (widths[last] ?? 0)) return cells.map(line)
  return cells.flatMap((row) => {
    const text = row[last] ?? ""
    if (left >= wrapLeast) {
      const [end = "", ...more] = wrap(text, left)
      return [line([...row.slice(0, last), end]), ...more.map((part) => " ".repeat(before) + part)]
    }
    const own = text === "" ? [] : wrap(text, width - indent.length)
    return [line(row.slice(0, last)), ...own.map((part) => indent + part)]
  })
}

/** On stdout, as wide as the terminal is. Without rows there is only `none`. */
export const writeTable = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  { none, right = [] }: { readonly right?: ReadonlyArray<number>; readonly none?: string } = {},
): void => {
  const lines =
    rows.length === 0 && none !== undefined ? [none] : table([head, ...rows], { right, width: outColumns() })
  writeOut(`${lines.join("\n")}\n`)
}

/** Lines of at most so many columns; a word that is longer has a line of its own. */
export const wrap = (text: string, columns: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && textWidth(line) + 1 + textWidth(word) > columns) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line]
}

const padEnd = (text: string, width: number) => text + " ".repeat(Math.max(0, width - textWidth(text)))
const padStart = (text: string, width: number) => " ".repeat(Math.max(0, width - textWidth(text))) + text

const plain = /^[\u0020-\u007e]*$/
/** East Asian wide and full width, and emoji: two columns each. */
const wide =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})$/u
/** Marks that go on top of the character before them, and what is not shown at all. */
const mark = /^[\p{Mn}\p{Me}\p{Cf}]$/u

/** The columns that a terminal needs for a text. */
export const textWidth = (text: string): number => {
  if (plain.test(text)) return text.length
  let columns = 0
  for (const character of text) columns += mark.test(character) ? 0 : wide.test(character) ? 2 : 1
  return columns
}

/** As much of a text as fits, with an ellipsis where that is not all of it. */
export const cut = (text: string, columns: number): string => {
  if (textWidth(text) <= columns) return text
  let kept = ""
  let width = 1
  for (const character of text) {
    width += textWidth(character)
    if (width > columns) break
    kept += character
  }
  return `${kept}…`
}

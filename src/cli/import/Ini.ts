import { ImportFailed } from "./Program.ts"

export type Section = { readonly name: string; readonly values: ReadonlyMap<string, string> }

/**
 * Sections of `key = value` as supervisord takes them: a line that begins with a blank goes on with the value before,
 * lines from `;` or `#` on are comments, so is what follows a `;` with a blank before it.
 */
export const parseIni = (text: string, file: string): ReadonlyArray<Section> => {
  const sections: Array<{ name: string; values: Map<string, string> }> = []
  let key: string | undefined
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.replace(/\s+;.*$/, "").trimEnd()
    const section = sections.at(-1)
    if (line.trim() === "" || /^[;#]/.test(line.trimStart())) continue
    const header = /^\[([^\]]+)\]$/.exec(line)?.[1]
    if (header !== undefined) {
      sections.push({ name: header.trim(), values: new Map() })
      key = undefined
    } else if (/^\s/.test(line) && section !== undefined && key !== undefined) {
      section.values.set(key, `${section.values.get(key) ?? ""}\n${line.trim()}`.trim())
    } else {
      const [, name, value = ""] = /^([^=:]+?)\s*[=:]\s*(.*)$/.exec(line) ?? []
      if (name === undefined || section === undefined)
        throw new ImportFailed(`${file}:${index + 1}: expected [section] or key=value`)
      key = name.toLowerCase()
      section.values.set(key, value)
    }
  }
  return sections
}

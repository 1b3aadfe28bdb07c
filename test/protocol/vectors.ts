import { readFileSync } from "node:fs"
import { join } from "node:path"

/** One fenced block of docs/protocol.md: `key: value` lines, of which `hex` goes on over several. */
export interface Vector {
  readonly name: string
  readonly hex: string
  readonly fields: Readonly<Record<string, string>>
}

const document = readFileSync(join(import.meta.dir, "../../docs/protocol.md"), "utf8")

const parse = (block: string): Vector => {
  const fields: Record<string, string> = {}
  let key = ""
  for (const line of block.split("\n").filter((line) => line.trim() !== "")) {
    const pair = /^([a-z-]+): (.*)$/.exec(line)
    if (pair === null) fields[key] += line.trim()
    else fields[(key = pair[1] as string)] = pair[2] as string
  }
  return { name: fields["name"] ?? "", hex: fields["hex"] ?? "", fields }
}

export const vectorsOf = (kind: "vector" | "vector-exchange" | "vector-invalid"): ReadonlyArray<Vector> =>
  [...document.matchAll(new RegExp(`^\`\`\`${kind}\\n([^\`]*)^\`\`\``, "gm"))].map((match) => parse(match[1] as string))

export const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"))
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** CBOR's diagnostic notation, as far as the document uses it: JSON and h'00'. */
export const fromDiagnostic = (text: string): unknown =>
  JSON.parse(text.replaceAll(/h'([0-9a-f]*)'/g, '{"$bytes":"$1"}'), (_key, value: unknown) =>
    typeof value === "object" && value !== null && "$bytes" in value ? fromHex(String(value.$bytes)) : value,
  )

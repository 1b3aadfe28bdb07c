import { Refusal } from "./Refusal.ts"

/** How the answer of a call is written: one JSON value, or a stream of them. */
export type AnswerForm = "json" | "ndjson" | "sse"

const forms: Readonly<Record<string, AnswerForm>> = {
  "application/json": "json",
  "application/*": "json",
  "*/*": "json",
  "application/x-ndjson": "ndjson",
  "application/ndjson": "ndjson",
  "application/jsonl": "ndjson",
  "text/event-stream": "sse",
  "text/*": "sse",
}

/** The form that `Accept` likes best; the first of several. No header, as an empty one, is JSON. */
export const readForm = (accept: string | null): AnswerForm => {
  if (accept === null || accept.trim() === "" || accept === "*/*") return "json"
  const liked = accept
    .split(",")
    .map((part) =>
      part
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/),
    )
    .map(([type = "", ...parameters]) => ({ form: forms[type], q: qualityOf(parameters) }))
    .filter(({ form, q }) => form !== undefined && q > 0)
    .toSorted((one, other) => other.q - one.q)[0]
  if (liked?.form !== undefined) return liked.form
  throw new Refusal(
    "invalid_argument",
    `Accept is ${JSON.stringify(accept)}, expected application/json, or application/x-ndjson or text/event-stream for a stream`,
    { status: 406 },
  )
}

const qualityOf = (parameters: ReadonlyArray<string>): number => {
  const [, quality = "1"] = parameters.map((one) => /^q=([\d.]+)$/.exec(one)).find((match) => match !== null) ?? []
  return Number(quality)
}

import { expect, test } from "bun:test"
import { readForm } from "../../../src/node/gateway/AnswerForm.ts"

test.each([
  [null, "json"],
  ["", "json"],
  ["*/*", "json"],
  ["application/json", "json"],
  ["text/html, */*;q=0.8", "json"],
  ["application/x-ndjson", "ndjson"],
  ["Application/X-NDJSON; charset=utf-8", "ndjson"],
  ["application/jsonl", "ndjson"],
  ["text/event-stream", "sse"],
  ["text/event-stream, application/json", "sse"],
  ["application/json, text/event-stream", "json"],
  ["application/json;q=0.5, text/event-stream;q=0.9", "sse"],
  ["text/event-stream;q=0, application/json", "json"],
] as const)("Accept %p is answered in %p", (accept, form) => {
  expect(readForm(accept)).toBe(form)
})

test.each(["text/html", "image/png, text/html", "text/event-stream;q=0"])("Accept %p is refused", (accept) => {
  expect(() => readForm(accept)).toThrow("expected application/json")
})

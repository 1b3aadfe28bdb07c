import { expect, test } from "bun:test"
import { Effect } from "effect"
import { slowJson } from "../../../src/manager/http/SlowJson.ts"
import { waitFor } from "../../support/waitFor.ts"

test("a slow answer shows signs of life before it, and is JSON all the same", async () => {
  const done = Promise.withResolvers<void>()
  const effect = Effect.as(
    Effect.promise(() => done.promise),
    { verdicts: [1] },
  )
  const response = await Effect.runPromise(slowJson(effect, "5 millis"))
  const reader = response.body?.getReader()
  const first = await reader?.read()
  expect(new TextDecoder().decode(first?.value as Uint8Array)).toBe(" ")
  done.resolve()
  let text = ""
  for (let part = await reader?.read(); part?.done === false; part = await reader?.read())
    text += new TextDecoder().decode(part.value)
  expect(JSON.parse(text)).toEqual({ verdicts: [1] })
})

test("what it does is finished when nobody waits for it any more", async () => {
  const go = Promise.withResolvers<void>()
  let finished = false
  const effect = Effect.promise(() => go.promise).pipe(Effect.tap(() => Effect.sync(() => void (finished = true))))
  const response = await Effect.runPromise(slowJson(effect, "5 millis"))
  const reader = response.body?.getReader()
  await reader?.read()
  await reader?.cancel()
  go.resolve()
  await waitFor(() => finished)
})

import { expect, test } from "bun:test"
import { streamAnswer, streamForms } from "../../../src/node/gateway/StreamAnswer.ts"

/** Items of a stream that goes on as a test says, and its answer as NDJSON. */
const begin = async () => {
  let asked = 0
  let left = 0
  let ended = 0
  const waiting: Array<PromiseWithResolvers<IteratorResult<unknown>>> = []
  const items: AsyncIterator<unknown> = {
    next: () => {
      asked++
      const next = Promise.withResolvers<IteratorResult<unknown>>()
      if (asked === 1) next.resolve({ done: false, value: "first" })
      else waiting.push(next)
      return next.promise
    },
    return: () => {
      left++
      for (const { resolve } of waiting.splice(0)) resolve({ done: true, value: undefined })
      return Promise.resolve({ done: true, value: undefined })
    },
  }
  const [gone, closing] = [new AbortController(), new AbortController()]
  const answer = await streamAnswer(items, {
    form: streamForms.ndjson,
    gone: gone.signal,
    closing: closing.signal,
    onEnd: () => void ended++,
  })
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
  return {
    gone,
    closing,
    next: () => waiting.shift(),
    /** How often an item was asked for, the stream was left, and its end was told. */
    counts: () => ({ asked, left, ended }),
    read: async () => {
      const { done, value } = await reader.read()
      return done ? undefined : new TextDecoder().decode(value)
    },
  }
}

test("nothing is taken ahead of what is read, and the end is told once", async () => {
  const { counts, next, read } = await begin()
  await Bun.sleep(20)
  expect(counts()).toEqual({ asked: 1, left: 0, ended: 0 })
  expect(await read()).toBe('"first"\n')
  const end = read()
  await Bun.sleep(20)
  expect(counts()).toEqual({ asked: 2, left: 0, ended: 0 })
  next()?.resolve({ done: true, value: undefined })
  expect(await end).toBeUndefined()
  expect(counts()).toMatchObject({ asked: 2, ended: 1 })
})

test("a stream is left when its client has gone, and that is told once", async () => {
  const { counts, gone, read } = await begin()
  expect(await read()).toBe('"first"\n')
  const end = read()
  await Bun.sleep(20)
  gone.abort()
  expect(await end).toBeUndefined()
  expect(counts()).toEqual({ asked: 2, left: 1, ended: 1 })
})

test("a stream that breaks because the gateway stops says that, and not how it broke", async () => {
  const { closing, counts, next, read } = await begin()
  expect(await read()).toBe('"first"\n')
  const last = read()
  await Bun.sleep(20)
  const broken = next()
  closing.abort()
  broken?.reject(new Error("the connection is closed"))
  expect(await last).toContain("the gateway stops: its node does")
  expect(await read()).toBeUndefined()
  expect(counts()).toEqual({ asked: 2, left: 1, ended: 1 })
})

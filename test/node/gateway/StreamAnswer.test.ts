import { expect, jest, test } from "bun:test"
import { streamAnswer, type StreamAnswerOptions, streamForms } from "../../../src/node/gateway/StreamAnswer.ts"

/** Items of a stream that goes on as a test says, and its answer. */
const begin = async (form: StreamAnswerOptions["form"] = streamForms.ndjson) => {
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
    form,
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

/** `turn`: lets so much time pass, and what comes of it happen. */
const onTurnedTimers = async (use: (turn: (ms: number) => Promise<void>) => Promise<void>) => {
  jest.useFakeTimers()
  try {
    await use(async (ms) => {
      jest.advanceTimersByTime(ms)
      for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    })
  } finally {
    jest.useRealTimers()
  }
}

test("an event stream whose client waits says nothing every 15 seconds, until the next item is there", () =>
  onTurnedTimers(async (turn) => {
    const { counts, gone, next, read } = await begin(streamForms.sse)
    // That of the pings; the first item was there at once.
    expect(jest.getTimerCount()).toBe(1)
    expect(await read()).toBe(":\n\n")
    expect(await read()).toBe('data: "first"\n\n')
    const got: Array<string | undefined> = []
    const readAll = async () => {
      for (let text = await read(); text !== undefined; text = await read()) got.push(text)
    }
    const all = readAll()
    await turn(14_999)
    expect(got).toEqual([])
    await turn(1)
    expect(got).toEqual([":\n\n"])
    await turn(15_000)
    expect(got).toEqual([":\n\n", ":\n\n"])
    next()?.resolve({ done: false, value: "second" })
    await turn(0)
    expect(got.slice(2)).toEqual(['data: "second"\n\n'])
    gone.abort()
    await all
    expect(jest.getTimerCount()).toBe(0)
    await turn(15_000)
    // Not one at its end either.
    expect(got.slice(3)).toEqual(["event: end\ndata: null\n\n"])
    expect(counts()).toEqual({ asked: 3, left: 1, ended: 1 })
  }))

test("no pings gather for a client that does not read", () =>
  onTurnedTimers(async (turn) => {
    const { gone, next, read } = await begin(streamForms.sse)
    expect(await read()).toBe(":\n\n")
    expect(await read()).toBe('data: "first"\n\n')
    for (let pings = 0; pings < 3; pings++) await turn(15_000)
    const second = read()
    await turn(0)
    next()?.resolve({ done: false, value: "second" })
    expect(await second).toBe('data: "second"\n\n')
    gone.abort()
  }))

test("NDJSON has no pings, whose lines are items", () =>
  onTurnedTimers(async (turn) => {
    const { next, read } = await begin()
    expect(await read()).toBe('"first"\n')
    const second = read()
    for (let pings = 0; pings < 3; pings++) await turn(15_000)
    next()?.resolve({ done: false, value: "second" })
    expect(await second).toBe('"second"\n')
    expect(jest.getTimerCount()).toBe(0)
  }))

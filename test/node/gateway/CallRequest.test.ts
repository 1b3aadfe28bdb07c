import { describe, expect, test } from "bun:test"
import { refusePages, refuseStrangers } from "../../../src/node/gateway/Callers.ts"
import { isOneWay, readArguments, readKey, readTimeout } from "../../../src/node/gateway/CallRequest.ts"

const chunked = (...chunks: ReadonlyArray<Uint8Array>) => {
  const left = [...chunks]
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        const next = left.shift()
        if (next === undefined) controller.close()
        else controller.enqueue(next)
      },
    },
    { highWaterMark: 0 },
  )
  return { request: new Request("http://gateway/", { method: "POST", body }), left }
}
const bytes = (text: string) => new TextEncoder().encode(text)

describe("a body in chunks", () => {
  test("is one text, wherever it was divided", async () => {
    const whole = bytes('[1, "世界"]')
    for (let at = 1; at < whole.length; at++) {
      const { request } = chunked(whole.subarray(0, at), whole.subarray(at))
      expect(await readArguments(request)).toEqual([1, "世界"])
    }
  })

  test("is not read on when it is too long", async () => {
    const { left, request } = chunked(...Array.from({ length: 9 }, () => new Uint8Array(1024 * 1024).fill(32)))
    await expect(readArguments(request)).rejects.toMatchObject({ code: "resource_exhausted", status: 413 })
    expect(left.length).toBeGreaterThan(4)
  })

  test("is refused when it is not UTF-8", async () => {
    const { request } = chunked(bytes('["'), Uint8Array.of(0xff), bytes('"]'))
    await expect(readArguments(request)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("not UTF-8"),
    })
  })
})

test("a call may have 1000 arguments", async () => {
  const list = (length: number) => chunked(bytes(JSON.stringify(Array(length).fill(1)))).request
  expect(await readArguments(list(1_000))).toHaveLength(1_000)
  await expect(readArguments(list(1_001))).rejects.toMatchObject({ code: "invalid_argument" })
})

test("a time may have a fraction, and is 10 minutes at most", () => {
  expect(["250ms", "0.5ms", "1.5s", "10m", "600s"].map((text) => readTimeout(text, 7))).toEqual([
    250, 0.5, 1_500, 600_000, 600_000,
  ])
  expect(readTimeout(null, 7)).toBe(7)
  for (const text of ["600.001s", "10.1m", "1.5", "1,5s", "1.5555s", ""])
    expect(() => readTimeout(text, 7)).toThrow(text)
})

test("a key has 255 characters at most", () => {
  expect(readKey("k".repeat(255))).toBe("k".repeat(255))
  expect(() => readKey("k".repeat(256))).toThrow("256 characters")
})

test("nobody waits for the answer when that is one of several preferences", () => {
  const preferring = (prefer: string) => isOneWay(new Headers({ prefer }))
  expect(["respond-async", "wait=5, Respond-Async", "wait=5"].map(preferring)).toEqual([true, true, false])
  expect(isOneWay(new Headers())).toBe(false)
})

test("who types an address into a browser is no page, and a scheme may be in small letters", () => {
  const typed = new Headers({ "sec-fetch-site": "none", host: "127.0.0.1:8823" })
  expect(() => refusePages(typed, { isOpen: true })).not.toThrow()
  expect(() => refuseStrangers(new Headers({ authorization: "bearer secret" }), "secret")).not.toThrow()
  expect(() => refuseStrangers(new Headers({ authorization: "bearer other" }), "secret")).toThrow("not the gateway's")
})

import { afterEach, expect, test } from "bun:test"
import { untilWhole } from "../../src/platform/Time.ts"
import { beginSweep, endSweep, stir, type Swept } from "../../src/rpc/Sweep.ts"
import { waitFor } from "../support/waitFor.ts"

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

let waits = false
let looks = 0
const swept: Swept = {
  sweep: () => {
    looks++
    return waits
  },
}
afterEach(() => endSweep(swept))

const looksInASecond = async (meanwhile: () => void = () => undefined) => {
  const before = looks
  for (let part = 0; part < 10; part++) {
    meanwhile()
    await sleep(100)
  }
  return looks - before
}

test("a connection that rests is looked at each second, and four times as often while much comes or it waits", async () => {
  beginSweep(swept)
  await waitFor(() => looks > 1)
  // Never more, however late the timers of a busy host are.
  expect(await looksInASecond()).toBeLessThanOrEqual(2)
  const much = () => {
    for (let chunk = 0; chunk < 16; chunk++) stir()
  }
  await waitFor(async () => (await looksInASecond(much)) >= 3, { timeoutMs: 15_000 })
  await waitFor(async () => (await looksInASecond()) <= 2, { timeoutMs: 15_000 })
  // Signs of life are not much.
  expect(await looksInASecond(stir)).toBeLessThanOrEqual(2)
  waits = true
  await waitFor(async () => (await looksInASecond()) >= 3, { timeoutMs: 15_000 })
}, 60_000)

test("much that comes after a rest is looked at soon", async () => {
  beginSweep(swept)
  waits = false
  const nextLook = async () => {
    const before = looks
    await waitFor(() => looks > before)
    return performance.now()
  }
  const isSoon = async () => {
    await sleep(300)
    const began = await nextLook()
    for (let chunk = 0; chunk < 16; chunk++) stir()
    return (await nextLook()) - began < 500
  }
  await waitFor(isSoon, { timeoutMs: 30_000 })
}, 60_000)

test("one that comes while another leaves in the midst of a look begins no second round of looks", async () => {
  beginSweep(swept)
  waits = true
  let turned = 0
  const changing: Swept = {
    sweep: () => {
      endSweep(changing)
      endSweep(swept)
      if (turned++ < 3) beginSweep(changing)
      beginSweep(swept)
      return true
    },
  }
  beginSweep(changing)
  await waitFor(() => turned > 3)
  // Of one round: never more, however busy the host is.
  expect(await looksInASecond()).toBeLessThanOrEqual(6)
}, 60_000)

test("processes of a host wait for the same instants", () => {
  expect(untilWhole(1_000, 5_400)).toBe(600)
  expect(untilWhole(250, 5_400)).toBe(100)
  // A timer that was early does not do its work twice.
  expect(untilWhole(1_000, 5_990)).toBe(1_010)
  expect(untilWhole(1_000, 6_000)).toBe(1_000)
})

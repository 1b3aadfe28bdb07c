import { expect, test } from "bun:test"
import { Items } from "../../src/worker/Items.ts"
import { makeCall } from "../service/TestCall.ts"

test("a generator whose item can't be sent runs its `finally`, of either kind", async () => {
  const ended: Array<string> = []
  const asynchronous = async function* () {
    try {
      yield 1
      yield 2
    } finally {
      ended.push("asynchronous")
    }
  }
  const plain = function* () {
    try {
      yield Promise.reject(new Error("broken"))
    } finally {
      ended.push("plain")
    }
  }
  const check = (item: unknown) => {
    if (item === 2) throw new Error("not what its schema says")
    return item
  }
  const checked = new Items(makeCall(), asynchronous(), check)
  expect(await checked.next()).toEqual({ done: false, value: 1 })
  await expect(checked.next()).rejects.toThrow("not what its schema says")
  await expect(new Items(makeCall(), plain(), undefined).next()).rejects.toThrow("broken")
  expect(ended.toSorted()).toEqual(["asynchronous", "plain"])
})

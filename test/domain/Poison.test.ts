import { describe, expect, test } from "bun:test"
import {
  acquit,
  afterCrash,
  afterTime,
  emptyPoison,
  type PoisonBook,
  poisonMax,
  suspectsMax,
} from "../../src/domain/Poison.ts"

const minute = 60_000
const hour = 60 * minute
const call = (hash: string) => ({ hash, method: `m-${hash}` })

type Step =
  | { readonly crash: ReadonlyArray<string>; readonly at: number }
  | { readonly acquit: ReadonlyArray<string>; readonly at: number }

const play = (steps: ReadonlyArray<Step>, until: number): PoisonBook => {
  let book = emptyPoison
  for (const step of steps)
    book = "crash" in step ? afterCrash(book, step.crash.map(call), step.at).book : acquit(book, step.acquit)
  return afterTime(book, until)
}

const rows: ReadonlyArray<
  readonly [what: string, steps: ReadonlyArray<Step>, until: number, poison: string, suspects: string]
> = [
  ["one crash", [{ crash: ["a"], at: 0 }], 1, "", "a"],
  [
    "the same call at two crashes",
    [
      { crash: ["a"], at: 0 },
      { crash: ["a"], at: 5 },
    ],
    6,
    "a",
    "",
  ],
  [
    "different calls at two crashes",
    [
      { crash: ["a"], at: 0 },
      { crash: ["b"], at: 5 },
    ],
    6,
    "",
    "a b",
  ],
  [
    "one of several at two crashes",
    [
      { crash: ["a", "b"], at: 0 },
      { crash: ["b", "c"], at: 5 },
    ],
    6,
    "b",
    "a c",
  ],
  ["the same call twice in one worker", [{ crash: ["a", "a"], at: 0 }], 1, "", "a"],
  ["a crash with no call", [{ crash: [], at: 0 }], 1, "", ""],
  [
    "two crashes more than an hour apart",
    [
      { crash: ["a"], at: 0 },
      { crash: ["a"], at: hour },
    ],
    hour,
    "",
    "a",
  ],
  ["a suspect after an hour", [{ crash: ["a"], at: 0 }], hour, "", ""],
  [
    "a call that ended well between two crashes",
    [
      { crash: ["a", "b"], at: 0 },
      { acquit: ["a"], at: 1 },
      { crash: ["a", "b"], at: 5 },
    ],
    6,
    "b",
    "a",
  ],
  [
    "poison before its minute is over",
    [
      { crash: ["a"], at: 0 },
      { crash: ["a"], at: 5 },
    ],
    minute + 4,
    "a",
    "",
  ],
  [
    "poison after a minute is tried again",
    [
      { crash: ["a"], at: 0 },
      { crash: ["a"], at: 5 },
    ],
    minute + 5,
    "",
    "a",
  ],
  [
    "poison that ends a worker again is refused for two minutes",
    [
      { crash: ["a"], at: 0 },
      { crash: ["a"], at: 0 },
      { crash: ["a"], at: minute },
    ],
    minute + 2 * minute - 1,
    "a",
    "",
  ],
]

describe("of calls in flight at crashes, after", () => {
  for (const [what, steps, until, poison, suspects] of rows) {
    test(`${what}: ${poison === "" ? "nothing" : poison} is refused`, () => {
      const book = play(steps, until)
      expect([...book.poison.keys()].join(" ")).toBe(poison)
      expect([...book.suspects.keys()].join(" ")).toBe(suspects)
    })
  }
})

test("a call is found once, with its method and its crashes", () => {
  const first = afterCrash(emptyPoison, [call("a")], 0)
  const second = afterCrash(first.book, [call("a"), call("a")], 1)
  expect(first.found).toEqual([])
  expect(second.found).toEqual([call("a")])
  expect(second.book.poison.get("a")).toMatchObject({ method: "m-a", crashes: 2 })
  expect(afterCrash(second.book, [call("a")], 2).found).toEqual([])
})

test("no more is remembered than there is room for, the newest", () => {
  const many = Array.from({ length: suspectsMax + 1 }, (_, nth) => call(`${nth}`))
  const once = afterCrash(emptyPoison, many, 0).book
  expect(once.suspects.size).toBe(suspectsMax)
  expect(once.suspects.has("0")).toBe(false)
  const twice = afterCrash(once, many, 1).book
  expect(twice.poison.size).toBe(poisonMax)
  expect(twice.poison.has(`${suspectsMax}`)).toBe(true)
})

import { describe, expect, test } from "bun:test"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { catalogues, pickLanguage } from "../../ui/messages/Catalogues.ts"

type Leaf = { readonly key: string; readonly value: unknown }

const leaves = (value: unknown, key = ""): ReadonlyArray<Leaf> =>
  typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([name, inner]) => leaves(inner, key === "" ? name : `${key}.${name}`))
    : [{ key, value }]

const said = ({ value }: Leaf): string =>
  typeof value === "function"
    ? String(value(...Array.from({ length: value.length }, (_, index) => index + 2)))
    : String(value)

/** Names and formats that are the same in every language. */
const shared = new Set([
  "product",
  "service.typeName",
  "form.json",
  "form.tls",
  "endpoints.noProcess",
  "process.pid",
  "push.revision",
  "push.change.status",
  "trouble.withCode",
  "calls.p50",
  "calls.p99",
  "calls.p999",
  "calls.nothing",
  "calls.pid",
  "spec.json",
  "notices.of",
  "bulk.at",
  "bulk.and",
  "crashes.cpu",
  "crashes.percent",
])

/** It is told of a fault, not of words: test/ui/CronForm.test.ts. */
const ofFaults = new Set(["cron.form.expressionWrong"])

describe("messages", () => {
  test("both catalogues have the same keys", () => {
    const keys = (lang: "en" | "zh-CN") =>
      leaves(catalogues[lang])
        .map(({ key }) => key)
        .toSorted()
    expect(keys("zh-CN")).toEqual(keys("en"))
  })

  test("every text says something, with its parameters in it", () => {
    for (const lang of ["en", "zh-CN"] as const) {
      for (const leaf of leaves(catalogues[lang]).filter(({ key }) => !ofFaults.has(key))) {
        expect({ key: leaf.key, text: said(leaf).trim() }).not.toEqual({ key: leaf.key, text: "" })
        expect({ key: leaf.key, broken: /undefined|NaN|\[object/.test(said(leaf)) }).toEqual({
          key: leaf.key,
          broken: false,
        })
      }
    }
  })

  test("functions take the same parameters in both languages", () => {
    const arity = (lang: "en" | "zh-CN") =>
      Object.fromEntries(
        leaves(catalogues[lang]).flatMap(({ key, value }) =>
          typeof value === "function" ? [[key, value.length]] : [],
        ),
      )
    expect(arity("zh-CN")).toEqual(arity("en"))
  })

  test("every Chinese text is Chinese", () => {
    const english = leaves(catalogues["zh-CN"]).filter((leaf) => !/\p{Script=Han}/u.test(said(leaf)))
    const allowed = english.filter(
      ({ key }) => !shared.has(key) && key !== "otherLanguage" && !key.startsWith("push.change"),
    )
    expect(allowed.map(({ key }) => key).filter((key) => !["push.of", "service.by"].includes(key))).toEqual([])
  })

  test("how far an action on several services has come is not said in the words for what runs of them", () => {
    for (const { bulk, worker } of Object.values(catalogues)) {
      const states: ReadonlyArray<string> = Object.values(worker)
      expect(Object.values(bulk.state).filter((word) => states.includes(word))).toEqual([])
    }
  })

  test("counts of one are singular in English", () => {
    const { en } = catalogues
    expect(en.clients.summary(1, 1)).toBe("1 of 1 client has the released list")
    expect(en.clients.summary(3, 4)).toBe("3 of 4 clients have the released list")
    expect(en.push.go(1)).toBe("Push to 1 client")
    expect(en.process.restarts(2)).toBe("2 restarts")
  })

  test("every text is used by a page, a form or a route", async () => {
    const root = join(import.meta.dirname, "../..")
    const texts = await Promise.all(
      ["ui", "src/manager/http"].map(async (folder) => {
        const names = (await readdir(join(root, folder), { recursive: true })).filter((name) => /\.tsx?$/.test(name))
        const own = names.filter((name) => !name.startsWith("messages"))
        return Promise.all(own.map((name) => readFile(join(root, folder, name), "utf8")))
      }),
    )
    const code = texts.flat().join("\n")
    const computed =
      /^(health|endpointStatus|observed|connection|worker|push\.state|clients\.addError|service\.tabs|nav|password|tokens|trouble\.cause|process\.reloadState|calls\.console\.(?:kind|executed|end)|settings\.(?:groups|label|help|zero|error)|spec\.(?:groups|label|help|restart|probeKind)|processes\.(?:waits|limits)|cron\.(?:state|reason|cause|overlap|missed|form\.overlapHelp))\./
    const unused = leaves(catalogues.en).filter(({ key }) => {
      const name = key.split(".").at(-1) ?? ""
      return !computed.test(key) && !new RegExp(`\\.${name}\\b|\\b${name}[,} ]`).test(code)
    })
    expect(unused.map(({ key }) => key)).toEqual([])
  })
})

describe("the language of a request", () => {
  test("is the cookie's, then the browser's best, then English", () => {
    expect(pickLanguage("zh-CN", "en")).toBe("zh-CN")
    expect(pickLanguage(undefined, "fr, zh-TW;q=0.8, en;q=0.5")).toBe("zh-CN")
    expect(pickLanguage("fr", "en-GB,en;q=0.9,zh;q=0.1")).toBe("en")
    expect(pickLanguage(undefined, undefined)).toBe("en")
    expect(pickLanguage(undefined, ";;q=x,,")).toBe("en")
  })
})

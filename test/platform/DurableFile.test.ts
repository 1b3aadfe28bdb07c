import { expect, test } from "bun:test"
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  fileVersion,
  listFolder,
  makeFolder,
  readText,
  removeDurably,
  setAside,
  writeDurably,
} from "../../src/platform/DurableFile.ts"
import { temporaryFolder } from "../support/muster.ts"

test("a file is replaced as a whole and only its owner may read it", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "state.json")
  await writeDurably(path, "old")
  await writeDurably(path, "new")
  expect(readFileSync(path, "utf8")).toBe("new")
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder.path)).toEqual(["state.json"])
})

test("a reader sees one of the written texts, never a part of one", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "state.json")
  const texts = [..."abcdefgh"].map((letter) => letter.repeat(200_000))
  await writeDurably(path, texts[0] ?? "")
  const writing = new AbortController()
  const reader = (async () => {
    const torn: Array<number> = []
    while (!writing.signal.aborted) {
      const text = await readText(path)
      if (text === undefined || !texts.includes(text)) torn.push(text?.length ?? -1)
    }
    return torn
  })()
  for (let round = 0; round < 5; round++) for (const text of texts) await writeDurably(path, text)
  writing.abort()
  expect(await reader).toEqual([])
})

test("writers of the same file at the same time leave one whole text and nothing else", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "state.json")
  const texts = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(1000))
  await Promise.all(texts.map((text) => writeDurably(path, text)))
  expect(texts).toContain(readFileSync(path, "utf8"))
  expect(readdirSync(folder.path)).toEqual(["state.json"])
})

test("a write that was cut off leaves the old text, and its remains go at the next listing", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "state.json")
  await writeDurably(path, "whole")
  writeFileSync(join(folder.path, ".state.json.0123456789abcdef.tmp"), "ha")
  expect(await readText(path)).toBe("whole")
  expect(await listFolder(folder.path)).toEqual(["state.json"])
  expect(readdirSync(folder.path)).toEqual(["state.json"])
})

test("a write that fails leaves nothing behind and says why", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "taken")
  mkdirSync(join(path, "in-the-way"), { recursive: true })
  await expect(writeDurably(path, "text")).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST|directory/)
  expect(readdirSync(folder.path)).toEqual(["taken"])
})

test("a missing file reads as undefined, and removing it is no error", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "none")
  expect(await readText(path)).toBeUndefined()
  expect(await fileVersion(path)).toBeUndefined()
  await removeDurably(path)
})

test("the version of a file changes when it is replaced by a text of the same length", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "state.json")
  await writeDurably(path, "1")
  const before = await fileVersion(path)
  await writeDurably(path, "2")
  expect(await fileVersion(path)).not.toBe(before)
})

test("a damaged file is kept beside its place", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "state.json")
  await writeDurably(path, "{")
  expect(await setAside(path)).toBe(`${path}.corrupt`)
  expect(readFileSync(`${path}.corrupt`, "utf8")).toBe("{")
})

test("each folder that is made is synced in the one that holds it, once, and none that was there", async () => {
  using folder = temporaryFolder()
  const synced: Array<string> = []
  const make = (path: string) => makeFolder(path, undefined, async (holder) => void synced.push(holder))
  const at = (path: string) => join(folder.path, path)
  await make(at("a/b/c"))
  expect(synced.toSorted()).toEqual([folder.path, at("a"), at("a/b")])
  await make(at("a/b/c"))
  expect(synced).toHaveLength(3)
  await make(at("a/d/"))
  expect(synced.slice(3)).toEqual([at("a")])
  expect(statSync(at("a/b/c")).mode & 0o777).toBe(0o700)
})

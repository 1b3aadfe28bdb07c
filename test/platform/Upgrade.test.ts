import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "bun:test"
import { versionOf } from "../../src/platform/Upgrade.ts"
import { temporaryFolder } from "../support/muster.ts"

/** A program of these lines, run with `version` by this time. */
const says = async (script: string, withinMs: number) => {
  using folder = temporaryFolder()
  const file = join(folder.path, "program")
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
  return await versionOf(file, [], withinMs).catch((error: unknown) => String(error).replaceAll(`${folder.path}/`, ""))
}

test("a program says its version in its first line", async () => {
  expect(await says('echo "$1 2.0"; echo more', 20_000)).toBe("version 2.0")
})

test("one that says none, or does not run, is told with what it said", async () => {
  expect(await says("exit 0", 20_000)).toBe("Error: program does not run: it says no version")
  expect(await says("echo it is broken >&2; exit 3", 20_000)).toBe("Error: program does not run: it is broken")
})

test("one that takes too long is told as that, also when it ends well at a signal", async () => {
  const late = "Error: program does not run: it did not say its version within 0.5 s"
  expect(await says("trap 'exit 0' TERM; while :; do sleep 0.1; done", 500)).toBe(late)
})

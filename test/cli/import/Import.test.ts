import { expect, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Schema } from "effect"
import { fromEcosystem } from "../../../src/cli/import/Ecosystem.ts"
import { parseIni } from "../../../src/cli/import/Ini.ts"
import { fromProcfile } from "../../../src/cli/import/Procfile.ts"
import { bytesOf, serviceName, type Surroundings, withUniqueNames, wordsOf } from "../../../src/cli/import/Program.ts"
import { fromSupervisord, includesOf } from "../../../src/cli/import/Supervisord.ts"
import { NamelessSpec } from "../../../src/domain/ProcessSpec.ts"

const files = join(import.meta.dir, "files")
const textOf = (name: string) => readFileSync(join(files, name), "utf8")
const around: Surroundings = {
  folder: "/srv/app",
  variable: (name) => (name === "IMPORT_TEST_PATH" ? "/usr/bin" : undefined),
  hostname: "host-1",
  cpus: 8,
  exists: (path) => path === "/srv/app/.env",
}
const decode = Schema.decodeUnknownSync(NamelessSpec)

const imports = {
  supervisord: () =>
    fromSupervisord(
      ["supervisord.conf", "conf.d/extra.ini"].map((name) => ({ name, text: textOf(name) })),
      around,
    ),
  ecosystem: async () => {
    const { default: config } = (await import(join(files, "ecosystem.config.cjs"))) as { default: unknown }
    return fromEcosystem(config, around)
  },
  procfile: () => fromProcfile(textOf("Procfile"), around),
}

/** GOLDEN=write writes the files anew; look at what changed. */
test.each(Object.entries(imports))("%s becomes the services in its golden file", async (name, read) => {
  const { programs, warnings } = await read()
  const got = { programs: withUniqueNames(programs), warnings }
  for (const { spec } of got.programs) decode(spec)
  const path = join(files, `${name}.golden.json`)
  if (process.env["GOLDEN"] === "write") writeFileSync(path, `${JSON.stringify(got, null, 2)}\n`)
  expect(JSON.parse(JSON.stringify(got))).toEqual(JSON.parse(readFileSync(path, "utf8")))
})

test("includes are found", () => {
  expect(includesOf({ name: "x", text: textOf("supervisord.conf") })).toEqual(["conf.d/*.ini"])
})

test.each([
  [`a b`, ["a", "b"]],
  [`a "b c" 'd e'`, ["a", "b c", "d e"]],
  [`--x="1 2"y\\ z`, ["--x=1 2y z"]],
  [`"a\\"b" '\\n' ""`, ['a"b', "\\n", ""]],
  [`a 'open`, undefined],
])("%s has the words of a shell", (line, words) => {
  expect(wordsOf(line)).toEqual(words as never)
})

test.each([
  ["50MB", 50 * 1024 ** 2],
  ["300M", 300 * 1024 ** 2],
  ["1k", 1024],
  ["2GB", 2 * 1024 ** 3],
  ["77", 77],
  ["lots", undefined],
])("%s is so many bytes", (text, bytes) => {
  expect(bytesOf(text)).toBe(bytes as never)
})

test("names become those of services, each once", () => {
  expect(["my app", "1st", "世界", "a:b"].map(serviceName)).toEqual(["my-app", "st", "program", "a-b"])
  const names = ["a b", "a-b", "a/b"].map((name) => ({ name, spec: {} }))
  expect(withUniqueNames(names).map(({ name }) => name)).toEqual(["a-b", "a-b-2", "a-b-3"])
})

test.each([
  ["[program:a]\ncommand", "x:2: expected [section] or key=value"],
  ["command=a", "x:1: expected [section] or key=value"],
])("a line that is none is named", (text, message) => {
  expect(() => parseIni(text, "x")).toThrow(message)
})

test.each([
  ["[program:a]\nuser=b", "[program:a] has no command"],
  ["[program:a]\ncommand=x 'y", "[program:a] command: a quotation mark has no partner, or it is empty"],
  ["[program:a]\ncommand=%(nothing)s", "[program:a] command: %(nothing)s is not known here"],
  ["[program:a]\ncommand=%(ENV_NOT_SET)s", "[program:a] command: %(ENV_NOT_SET)s is not known here"],
  ["[program:a]\ncommand=x\nstartsecs=soon", '[program:a] startsecs is "soon", expected a whole number'],
  ["[program:a]\ncommand=x\nenvironment=A", '[program:a] environment: expected NAME="value",NAME="value"'],
])("%j is refused with its place", (text, message) => {
  expect(() => fromSupervisord([{ name: "x", text }], around)).toThrow(message)
})

test("what is no program is refused with its place", () => {
  expect(() => fromEcosystem({ apps: [{ name: "a" }] }, around)).toThrow("apps[0] has no script")
  expect(() => fromEcosystem([1], around)).toThrow("apps[0] is no object")
  expect(() => fromProcfile("web: a\nnothing", around)).toThrow("line 2: expected NAME: COMMAND")
})

import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import { readSpec } from "../../../src/manager/http/SpecInput.ts"

const fieldsOf = (input: unknown) =>
  Effect.runSync(
    readSpec(input).pipe(
      Effect.as<Readonly<Record<string, string>>>({}),
      Effect.catch((error) => Effect.succeed(error.fields)),
    ),
  )
const command = (fields: Record<string, unknown>) => fieldsOf({ kind: "command", command: { shell: "x" }, ...fields })

describe("a process spec from outside", () => {
  const cases: ReadonlyArray<readonly [string, unknown, Readonly<Record<string, string>>]> = [
    ["without a kind is a module", { module: "/srv/a.ts" }, {}],
    ["of a module names what is missing", {}, { module: "is required" }],
    ["of no kind is told the kinds", { kind: "modul" }, { kind: 'must be module or command, not "modul"' }],
    ["is an object", [1], { body: "must be an object" }],
    [
      "of a module says nothing of what commands have",
      { module: "/srv/a.ts", instances: 2 },
      { instances: "is not a field here: is its name written correctly?" },
    ],
    ["of a command needs one", { kind: "command" }, { command: "is required" }],
    [
      "takes no bare text for a command",
      { kind: "command", command: "sleep 1" },
      { command: 'must be an object with argv or shell, not "sleep 1"' },
    ],
    ["takes one form of a command", { kind: "command", command: {} }, { command: "must have either argv or shell" }],
    [
      "complains of the form that is meant alone",
      { kind: "command", command: { argv: [""] } },
      { "command.argv": 'must begin with the name of a program, not [""]' },
    ],
    [
      "names an empty shell line",
      { kind: "command", command: { shell: " " } },
      { "command.shell": "must not be empty" },
    ],
  ]
  test.each(cases)("%s", (_, input, expected) => {
    expect(fieldsOf(input)).toEqual(expected)
  })

  test("names field, value and fix", () => {
    expect(command({ instances: 0, stopSignal: "X", nodes: ["a b"], rlimits: { nofile: -1 } })).toEqual({
      instances: "must be a whole number from 1 to 256, not 0",
      stopSignal: 'must be TERM, INT, QUIT, HUP, USR1, USR2 or KILL, not "X"',
      "nodes.0": 'must be an IPv4 address, an IPv6 address or a host name, not "a b"',
      "rlimits.nofile": 'must be a whole number, or "unlimited", not -1',
    })
  })

  test("never repeats a value of the environment", () => {
    const fields = command({ env: { "A B": "secret", C: 7 } })
    expect(Object.keys(fields)).toContain("env.C")
    expect(JSON.stringify(fields)).not.toContain("secret")
    expect(fields["env.C"]).not.toContain("7")
  })

  test("tells kinds of probes, and what is wrong with one by its kind", () => {
    expect(command({ readiness: { kind: "htp", path: "/" }, liveness: {} })).toEqual({
      "readiness.kind": 'must be exec, http, tcp or rpc, not "htp"',
      "liveness.kind": "must be exec, http, tcp or rpc",
    })
    expect(command({ readiness: { kind: "exec", command: { argv: [3] }, periodMs: 3 } })).toEqual({
      "readiness.command.argv.0": "must be a string, not 3",
      "readiness.periodMs": "must be a whole number from 100 to 3600000 milliseconds, not 3",
    })
  })
})

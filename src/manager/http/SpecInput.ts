import { Effect } from "effect"
import { CommandLine } from "../../domain/CommandLine.ts"
import { NamelessSpec } from "../../domain/ProcessSpec.ts"
import { Probe } from "../../domain/Probe.ts"
import { InvalidInput } from "./Failure.ts"
import { decoder } from "./Input.ts"

type Json = Readonly<Record<string, unknown>>
type FieldTexts = Readonly<Record<string, string>>

const [argvLine, shellLine] = [decoder(CommandLine.members[0]), decoder(CommandLine.members[1])]
const [moduleSpec, commandSpec] = NamelessSpec.members
const decoders = { module: decoder(moduleSpec), command: decoder(commandSpec) }
const probeKinds = Probe.members.map(({ fields }) => fields.kind.literal)
/** Where a spec has a command line: a shell line, or a program with its arguments. */
const commandPlaces = ["command", "readiness.command", "liveness.command"]

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const valueAt = (input: unknown, path: string): unknown =>
  path
    .split(".")
    .reduce<unknown>(
      (value, key) => (isObject(value) || Array.isArray(value) ? (value as Json)[key] : undefined),
      input,
    )

const choices = (words: ReadonlyArray<string>) => `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`

/** What a sentence about a field says of the value that it has. */
const shown = (value: unknown): string => {
  if (value === undefined || isObject(value)) return ""
  const text = JSON.stringify(value)
  return `, not ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`
}

const none: FieldTexts = {}
const literal = /"([^"]*)"/g

/** A message with the value that it is about; the environment's values may be secrets. */
export const withValue = (input: Json, path: string, message: string): string => {
  if (path.startsWith("env.")) return message
  const alternatives = message.startsWith('Expected "')
    ? [...message.matchAll(literal)].map(([, word = ""]) => word)
    : []
  if (alternatives.length > 1) return `must be ${choices(alternatives)}${shown(valueAt(input, path))}`
  const [, type] = /^Expected (string|number|boolean|array|object|int)\b/.exec(message) ?? []
  if (type !== undefined) return `must be ${/^[aoi]/.test(type) ? "an" : "a"} ${type}${shown(valueAt(input, path))}`
  return /^(?:must (?:be|begin)|is not a variable)/.test(message) ? `${message}${shown(valueAt(input, path))}` : message
}

/** What is wrong with a command line, by the form that is meant: a union that nothing tells apart complains for both. */
const commandProblems = Effect.fnUntraced(function* (command: unknown) {
  if (!isObject(command)) return { "": "must be an object with argv or shell" }
  if ("argv" in command === "shell" in command) return { "": "must have either argv or shell" }
  const read: Effect.Effect<unknown, InvalidInput> = "shell" in command ? shellLine(command) : argvLine(command)
  const error = yield* Effect.flip(Effect.asVoid(read)).pipe(Effect.orElseSucceed(() => undefined))
  return error?.fields ?? none
})

const startsWith = (path: string, place: string) => path === place || path.startsWith(`${place}.`)

const withCommands = Effect.fnUntraced(function* (input: Json, fields: FieldTexts) {
  const wrong = commandPlaces.filter((place) => Object.keys(fields).some((path) => startsWith(path, place)))
  const others = Object.entries(fields).filter(([path]) => !wrong.some((place) => startsWith(path, place)))
  const own = yield* Effect.forEach(
    wrong.filter((place) => valueAt(input, place) !== undefined),
    (place) =>
      Effect.map(commandProblems(valueAt(input, place)), (problems) =>
        Object.entries(problems).map(([path, text]) => [path === "" ? place : `${place}.${path}`, text] as const),
      ),
  )
  const missing = wrong.filter((place) => valueAt(input, place) === undefined)
  return Object.fromEntries([...missing.map((place) => [place, "is required"] as const), ...own.flat(), ...others])
})

const probeProblem = (probe: unknown): string | undefined => {
  if (!isObject(probe)) return undefined
  const { kind } = probe
  if (probeKinds.some((known) => known === kind)) return undefined
  return `must be ${choices(probeKinds)}${kind === undefined ? "" : shown(kind)}`
}

const explain = Effect.fnUntraced(function* (input: Json, given: FieldTexts) {
  const fields = Object.entries(yield* withCommands(input, given)).map(([path, message]) => {
    const problem = path === "readiness" || path === "liveness" ? probeProblem(input[path]) : undefined
    return problem === undefined ? [path, withValue(input, path, message)] : [`${path}.kind`, problem]
  })
  return Object.fromEntries(fields) as FieldTexts
})

/** A process spec from outside. Its kind is looked at first, so that what is said of it is about that kind alone; without one it is a module. */
export const readSpec = Effect.fn("SpecInput.read")(function* (input: unknown) {
  if (!isObject(input)) return yield* new InvalidInput({ fields: { body: "must be an object" } })
  const { kind = "module" } = input
  if (kind !== "module" && kind !== "command")
    return yield* new InvalidInput({ fields: { ...none, kind: `must be module or command${shown(kind)}` } })
  const spec: Effect.Effect<NamelessSpec, InvalidInput> = decoders[kind]({ ...input, kind })
  const explained = ({ fields }: InvalidInput) =>
    Effect.flatMap(explain(input, fields), (fields) => Effect.fail(new InvalidInput({ fields })))
  return yield* spec.pipe(Effect.catch(explained))
})

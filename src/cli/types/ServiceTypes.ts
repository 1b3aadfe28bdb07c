import type { MethodInfo } from "../../protocol/Reflection.ts"
import { SchemaTypes } from "./SchemaTypes.ts"
import { comment, indented, keyText, parameterText, typeName } from "./TypeText.ts"

const lineMax = 100

/** The text of a `.d.ts`: an interface of the methods of a service, for `connect<Interface>(service)`. */
export const serviceTypes = (service: string, methods: ReadonlyArray<MethodInfo>): string => {
  const name = typeName(service, "Service")
  const types = new SchemaTypes(new Set([name]))
  const members = methods
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map((method) => indented(`${comment(aboutOf(method))}${signature(method, types)}`))
  const example = methods.find(({ kind }) => kind === "unary") ?? { name: "ping" }
  return [
    `// The service ${JSON.stringify(service)}, as it describes itself; written by muster types ${service}\n`,
    `//   import { connect } from "muster/client"`,
    `//   const ${parameterText(lowered(name), new Set())} = connect<${name}>(${JSON.stringify(service)})`,
    `//   await ${parameterText(lowered(name), new Set())}.call(${JSON.stringify(example.name)}, …)\n`,
    `${comment([`The methods of the service ${service}.`])}export interface ${name} {`,
    members.join("\n\n"),
    "}",
    ...types.declarations.map((declaration) => `\n${declaration.trimEnd()}`),
    "",
  ].join("\n")
}

const lowered = (name: string) => name.slice(0, 1).toLowerCase() + name.slice(1)

const aboutOf = ({ description, idempotent }: MethodInfo): ReadonlyArray<string> => [
  ...(description === undefined || description.trim() === "" ? [] : [description.trim()]),
  ...(idempotent ? ["Idempotent: it may be called again without harm."] : []),
]

const signature = (method: MethodInfo, types: SchemaTypes): string => {
  const { kind, name, output } = method
  const parameters = parametersOf(method, types)
  const result = `${kind === "stream" ? "AsyncIterableIterator" : "Promise"}<${types.of(output)}>`
  const line = `${keyText(name)}(${parameters.join(", ")}): ${result}`
  const [first = ""] = line.split("\n")
  if (first.length <= lineMax || parameters.length === 0) return line
  return `${keyText(name)}(\n${indented(parameters.map((parameter) => `${parameter},`).join("\n"))}\n): ${result}`
}

const parametersOf = ({ parameters, rest }: MethodInfo, types: SchemaTypes): ReadonlyArray<string> => {
  const used = new Set<string>()
  const lastNeeded = parameters.findLastIndex(({ optional }) => !optional)
  const shown = parameters.map(({ name, optional, schema }, index) => {
    const type = types.of(schema)
    const parameter = parameterText(name, used)
    if (!optional) return `${parameter}: ${type}`
    // One that may be left out can't stand before one that may not.
    return index > lastNeeded ? `${parameter}?: ${type}` : `${parameter}: ${type} | undefined`
  })
  return rest ? [...shown, `...${parameterText("more", used)}: ReadonlyArray<unknown>`] : shown
}

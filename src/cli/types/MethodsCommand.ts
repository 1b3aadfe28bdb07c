import { writeOut } from "../../platform/Env.ts"
import type { MethodInfo } from "../../protocol/Reflection.ts"
import { command } from "../Command.ts"
import { exitCodes } from "../Failure.ts"
import { jsonFlag } from "../SharedFlags.ts"
import { writeTable } from "../Table.ts"
import { reflect, reflectFlags } from "./Reflect.ts"
import { SchemaTypes } from "./SchemaTypes.ts"

/** A longer type is left to muster types. */
const typeMax = 24

export const methodsCommand = command({
  words: ["methods"],
  summary: "list the methods of a service, as it describes them",
  arguments: [{ name: "SERVICE", about: "a service whose endpoint list was pushed to this node", kind: "one" }],
  flags: { ...reflectFlags, json: jsonFlag },
  examples: [
    ["muster methods greeter", "what can be called, and with what"],
    ["muster methods greeter --json", "with the schemas of arguments and results"],
  ],
  notes: ["Exit codes: 0 done, 1 the service did not answer, 2 the command line is wrong."],
  run: async ({ json, ...options }, [service = ""]) => {
    const methods = await reflect(service, options)
    if (json) writeOut(`${JSON.stringify(methods)}\n`)
    else {
      writeTable(
        ["METHOD", "PARAMETERS", "KIND", "IDEMPOTENT", "DESCRIPTION"],
        methods.map((method) => [
          method.name,
          parametersOf(method),
          method.kind,
          method.idempotent ? "yes" : "-",
          method.description ?? "",
        ]),
        { none: `${service} has no methods of its own` },
      )
    }
    return exitCodes.done
  },
})

/** `name: string, times?: number, …` */
const parametersOf = ({ parameters, rest }: MethodInfo): string => {
  const shown = parameters.map(({ name, optional, schema }) => {
    const type = new SchemaTypes(new Set()).of(schema)
    const told = type === "unknown" || type.length > typeMax || type.includes("\n") ? "" : `: ${type}`
    return `${name}${optional ? "?" : ""}${told}`
  })
  return [...shown, ...(rest ? ["…"] : [])].join(", ") || "-"
}

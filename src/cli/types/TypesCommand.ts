import { writeDurably } from "../../platform/DurableFile.ts"
import { writeError, writeOut } from "../../platform/Env.ts"
import { command } from "../Command.ts"
import { CommandFailed, exitCodes } from "../Failure.ts"
import { optional, path } from "../Flag.ts"
import { reflect, reflectFlags } from "./Reflect.ts"
import { serviceTypes } from "./ServiceTypes.ts"

const fileMode = 0o644

export const typesCommand = command({
  words: ["types"],
  summary: "write the types of a service's methods, for a typed client",
  arguments: [{ name: "SERVICE", about: "a service whose endpoint list was pushed to this node", kind: "one" }],
  flags: { out: optional("out", path("FILE"), "Write to this file (default: stdout)"), ...reflectFlags },
  examples: [["muster types greeter --out src/greeter.d.ts", "again after each change of the service's methods"]],
  notes: [
    'A program uses them as connect<Greeter>("greeter"): method names, arguments, results and the items of streams are checked by the compiler then. What a method says with schemas (method({ input, output }) of muster/service) is typed, the rest is unknown.',
    "Exit codes: 0 written, 1 the service did not answer or the file can't be written, 2 the command line is wrong.",
  ],
  run: async ({ out, ...options }, [service = ""]) => {
    const methods = await reflect(service, options)
    const text = serviceTypes(service, methods)
    if (out === undefined) writeOut(text)
    else {
      await writeDurably(out, text, fileMode).catch((error: unknown) => {
        throw new CommandFailed({
          message: `Cannot write ${out}: ${error instanceof Error ? error.message : String(error)}`,
        })
      })
      writeError(`${out}: ${methods.length} ${methods.length === 1 ? "method" : "methods"} of ${service}\n`)
    }
    return exitCodes.done
  },
})

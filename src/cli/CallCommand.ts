import { isErrorCode } from "../domain/ErrorCode.ts"
import { CallError } from "../client/CallError.ts"
import { connect } from "../client/connect.ts"
import { writeError, writeOut } from "../platform/Env.ts"
import { valueJson } from "../protocol/ValueJson.ts"
import { command } from "./Command.ts"
import { exitCodes } from "./Failure.ts"
import { address, duration, flag, optional, toggle } from "./Flag.ts"
import { dataFlag } from "./SharedFlags.ts"

/** An argument of a call: JSON where it is JSON, else the text itself. */
export const readArgument = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export const callCommand = command({
  words: ["call"],
  summary: "call a method of a service from this node, and print its result",
  arguments: [
    { name: "SERVICE", about: "a service whose endpoint list was pushed to this node", kind: "one" },
    { name: "METHOD", about: "function, Class.method or Class::method; every service has ping", kind: "one" },
    { name: "ARG", about: "JSON, or else a string as it is", kind: "rest" },
  ],
  flags: {
    data: dataFlag,
    timeout: flag("timeout", duration, "How long the call may take; milliseconds when there is no unit", "500"),
    node: optional("node", address, "Call the endpoint of this address, whatever its weight"),
    json: toggle("json", "Print on one line; an error too is JSON, on stderr"),
  },
  examples: [
    ["muster call greeter hello 世界", "a string needs no quotes of JSON"],
    ["muster call stats add 1 2 '{\"round\": true}'", "two numbers and an object"],
    ["muster call greeter hello '\"5\"'", "the string 5 rather than the number"],
    ["muster call --node 127.1.1.101 --timeout 2s greeter ping", "one node, with more time"],
  ],
  notes: [
    "Files: DATA/discovery/SERVICE.json says where the service answers, DATA/tls is this node's certificate.",
    "Exit codes: 0 the result was printed on stdout, 1 the call failed (the reason is on stderr), 2 the command line is wrong.",
  ],
  run: async ({ data, json, node, timeout }, [service = "", method = "", ...texts]) => {
    const client = connect(service, {
      dataDir: data,
      timeoutMs: timeout,
      name: "muster call",
      // The call that fails for want of a list says why.
      onFault: () => undefined,
    })
    try {
      const result = await client.with({ ip: node }).call(method, ...texts.map(readArgument))
      writeOut(`${valueJson(result, json ? 0 : 2)}\n`)
      return exitCodes.done
    } catch (error) {
      writeError(`${json ? valueJson(errorFields(error)) : errorLine(error)}\n`)
      return exitCodes.failed
    } finally {
      client.close()
    }
  },
})

const executedTexts = { no: "was not executed", maybe: "may have been executed", yes: "was executed" } as const

const errorLine = (error: unknown): string =>
  error instanceof CallError && isErrorCode(error.code)
    ? `muster: ${error.message} (${error.code}, ${executedTexts[error.executed]})`
    : `muster: ${error instanceof Error ? error.message : String(error)}`

const errorFields = (error: unknown) =>
  error instanceof CallError
    ? {
        code: error.code,
        message: error.message,
        executed: error.executed,
        details: error.details,
        endpoint: error.endpoint ?? null,
      }
    : { code: "unknown", message: String(error) }

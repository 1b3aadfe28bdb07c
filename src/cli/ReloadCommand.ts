import { Schema } from "effect"
import { ReloadVerdict } from "../protocol/NodeManager.ts"
import { writeOut } from "../platform/Env.ts"
import { ask } from "./Api.ts"
import { command } from "./Command.ts"
import { CommandFailed, exitCodes } from "./Failure.ts"
import { duration, flag, optional, text } from "./Flag.ts"
import * as numbers from "./Numbers.ts"
import { dataFlag, jsonFlag, pageFlag } from "./SharedFlags.ts"
import { writeTable } from "./Table.ts"

const Verdicts = Schema.Struct({
  verdicts: Schema.Array(
    Schema.Struct({ ...ReloadVerdict.fields, nodeId: Schema.String, nodeName: Schema.String, name: Schema.String }),
  ),
})

export const reloadCommand = command({
  words: ["reload"],
  summary: "replace the workers of a service by new ones, without a failed call",
  arguments: [{ name: "SERVICE", about: "the name of the service", kind: "one" }],
  flags: {
    node: optional(
      "node",
      text("NODE"),
      "On this node only, by its name or id (default: on all that run it, one after the other)",
    ),
    timeout: flag("timeout", duration, "How long to wait for the verdict; the reload goes on without", "10m"),
    url: pageFlag,
    data: dataFlag,
    json: jsonFlag,
  },
  examples: [
    ["muster reload greeter", "after its module, or what it reads, has changed"],
    ["muster reload greeter --node web-01", "on one node first"],
  ],
  notes: [
    "One new worker must be ready before any old one leaves; then the others follow, one at a time. A new version that does not start leaves the old workers serving, and is told with its reason.",
    "Files: DATA/manager/cli-token lets this command in; DATA/ca/ca.pem verifies a page with HTTPS.",
    "Exit codes: 0 all workers are new, 1 some are not, or the manager refused, 2 the command line is wrong.",
  ],
  run: async ({ data, json, node, timeout, url }, [service = ""]) => {
    const { verdicts } = await ask(
      Verdicts,
      {
        method: "POST",
        path: `/services/${encodeURIComponent(service)}/reload`,
        body: node === undefined ? {} : { node },
      },
      { url, dataDir: data, timeoutMs: timeout },
    )
    if (verdicts.length === 0) {
      throw new CommandFailed({ message: `${service} runs on no node: there is nothing to reload` })
    }
    if (json) writeOut(`${JSON.stringify({ verdicts })}\n`)
    else {
      writeTable(
        ["NODE", "PROCESS", "OUTCOME", "NEW WORKERS", "TOOK", "REASON"],
        verdicts.map(({ name, nodeName, outcome, reason, replaced, tookMs, total }) => [
          nodeName,
          name,
          outcome,
          `${replaced} of ${total}`,
          numbers.duration(tookMs),
          reason ?? "",
        ]),
      )
    }
    return verdicts.every(({ outcome }) => outcome === "done") ? exitCodes.done : exitCodes.failed
  },
})

import { Schema } from "effect"
import { ReloadVerdict } from "../protocol/NodeManager.ts"
import { writeOut } from "../platform/Env.ts"
import { sleep } from "../platform/Time.ts"
import { type ApiOptions, ask } from "./Api.ts"
import { command } from "./Command.ts"
import { CommandFailed, exitCodes } from "./Failure.ts"
import { duration, flag, optional, text } from "./Flag.ts"
import * as numbers from "./Numbers.ts"
import { oneLine } from "./OneLine.ts"
import { Progress } from "./Progress.ts"
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
    node: optional("node", text("NODE"), "On this node only, by its name, address or id (default: on all that run it)"),
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
    const asked = { url, dataDir: data }
    const over = new AbortController()
    const path = `/services/${encodeURIComponent(service)}`
    const body = node === undefined ? {} : { node }
    const watching = watch(path, asked, over.signal)
    const { verdicts } = await ask(
      Verdicts,
      { method: "POST", path: `${path}/reload`, body },
      { ...asked, timeoutMs: timeout },
    ).finally(async () => {
      over.abort()
      await watching
    })
    if (verdicts.length === 0) {
      throw new CommandFailed({ message: `${service} runs on no node: there is nothing to reload` })
    }
    if (json) writeOut(`${JSON.stringify({ verdicts })}\n`)
    else writeTable(["NODE", "PROCESS", "OUTCOME", "NEW WORKERS", "TOOK", "REASON"], verdicts.map(rowOf))
    return verdicts.every(({ outcome }) => outcome === "done") ? exitCodes.done : exitCodes.failed
  },
})

const rowOf = (verdict: (typeof Verdicts.Type)["verdicts"][number]): ReadonlyArray<string> => [
  verdict.nodeName,
  verdict.name,
  verdict.outcome,
  `${verdict.replaced} of ${verdict.total}`,
  numbers.duration(verdict.tookMs),
  verdict.reason ?? "",
]

/** Of the manager's view of a service. */
const Running = Schema.Struct({
  process: Schema.NullOr(
    Schema.Struct({
      instances: Schema.Array(
        Schema.Struct({
          nodeName: Schema.String,
          reload: Schema.NullOr(Schema.Struct({ state: Schema.String, replaced: Schema.Int, total: Schema.Int })),
        }),
      ),
    }),
  ),
})

const lookEveryMs = 500

/** Shows how far the nodes are, on a terminal, until it is over. */
const watch = async (path: string, options: ApiOptions, over: AbortSignal): Promise<void> => {
  const progress = new Progress()
  while (progress.isShown && !over.aborted) {
    await sleep(lookEveryMs, over)
    const seen = over.aborted ? undefined : await ask(Running, { method: "GET", path }, options).catch(() => undefined)
    const running = (seen?.process?.instances ?? []).flatMap(({ nodeName, reload }) =>
      reload?.state === "running" ? [`${nodeName}: ${reload.replaced} of ${reload.total} workers are new`] : [],
    )
    if (running.length > 0 && !over.aborted) progress.show(() => oneLine(running.join(", ")))
  }
  progress.clear()
}

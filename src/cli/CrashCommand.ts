import { DateTime, Schema } from "effect"
import { writeError, writeOut } from "../platform/Env.ts"
import { currentMs } from "../platform/Time.ts"
import { CrashReport, CrashSummary } from "../protocol/ProcessMessages.ts"
import { ask } from "./Api.ts"
import { command } from "./Command.ts"
import { exitCodes, UsageError } from "./Failure.ts"
import * as numbers from "./Numbers.ts"
import { oneLine } from "./OneLine.ts"
import { dataFlag, jsonFlag, pageFlag } from "./SharedFlags.ts"
import { writeTable } from "./Table.ts"

const whose = { nodeId: Schema.String, nodeName: Schema.String }
const Listed = Schema.Struct({
  crashes: Schema.Array(Schema.Struct({ ...CrashSummary.fields, ...whose })),
  /** Nodes that could not be asked. */
  silent: Schema.Array(Schema.Struct({ ...whose, name: Schema.String, message: Schema.String })),
})
const Report = Schema.Struct({ ...CrashReport.fields, ...whose })
type Report = typeof Report.Type

export const crashesCommand = command({
  words: ["crashes"],
  summary: "list the crash reports of a service, or print one in full",
  arguments: [
    { name: "SERVICE", about: "the name of the service", kind: "one" },
    { name: "ID", about: "of one report, as the list has it", kind: "rest" },
  ],
  flags: { url: pageFlag, data: dataFlag, json: jsonFlag },
  examples: [
    ["muster crashes greeter", "when, where and why its processes have ended, the newest first"],
    [
      "muster crashes greeter 01M9ZK3TQ8V3B7N2R4T6W8Y0Z1",
      "one of them: its last lines, its figures and its open calls",
    ],
  ],
  notes: [
    "Each node keeps the last 20 of each of its processes. A program that can't even start is reported once.",
    "Files: DATA/manager/cli-token lets this command in; DATA/ca/ca.pem verifies a page with HTTPS.",
    "Exit codes: 0 done, 1 a node was not reached, there is no such report, or the manager did not answer, 2 the command line is wrong.",
  ],
  run: async ({ data, json, url }, [name = "", id, ...more]) => {
    if (more.length > 0) throw new UsageError({ message: "one ID at a time: muster crashes SERVICE lists them" })
    const path = `/services/${encodeURIComponent(name)}/crashes`
    if (id !== undefined) {
      const where = { method: "GET", path: `${path}/${encodeURIComponent(id)}` } as const
      const report = await ask(Report, where, { url, dataDir: data })
      writeOut(json ? `${JSON.stringify(report)}\n` : reportText(report))
      return exitCodes.done
    }
    const listed = await ask(Listed, { method: "GET", path }, { url, dataDir: data })
    if (json) writeOut(`${JSON.stringify(listed)}\n`)
    else writeList(name, listed)
    return listed.silent.length === 0 ? exitCodes.done : exitCodes.failed
  },
})

const isoText = (at: number) => DateTime.formatIso(DateTime.makeUnsafe(at))

const placeText = ({ kind, slot }: Pick<Report, "kind" | "slot">) => (kind === "tasks" ? `tasks/${slot}` : `${slot}`)

const writeList = (service: string, { crashes, silent }: typeof Listed.Type) => {
  const now = currentMs()
  writeTable(
    ["ID", "WHEN", "NODE", "PROCESS", "INSTANCE", "RAN", "REVISION", "REASON"],
    crashes.map((crash) => [
      crash.id,
      `${numbers.duration(Math.max(0, now - crash.at))} ago`,
      crash.nodeName,
      crash.name,
      placeText(crash),
      numbers.duration(crash.ranMs),
      `${crash.specRevision}`,
      crash.reason,
    ]),
    {
      right: [6],
      none:
        silent.length === 0 ? `No process of ${service} has crashed` : "No crash reports on the nodes that answered",
    },
  )
  for (const { message, name, nodeName } of silent)
    writeError(`muster: ${oneLine(`${nodeName} (${name}): ${message}`)}\n`)
}

const revisionText = ({ lastGoodRevision: good, specRevision }: Report) => {
  if (good === null) return `${specRevision}; no revision has run well here yet`
  return good === specRevision ? `${specRevision}, which has run well before` : `${specRevision}; ${good} ran well last`
}

const reportText = (report: Report): string => {
  const facts: ReadonlyArray<readonly [name: string, text: string]> = [
    ["Service", `${report.name}, instance ${placeText(report)}, pid ${report.pid}, on ${report.nodeName}`],
    ["When", `${isoText(report.at)}, ${numbers.duration(report.ranMs)} after its start`],
    ["Reason", oneLine(report.reason)],
    ["Out of memory", report.outOfMemory ? "yes" : "no"],
    ["Revision", revisionText(report)],
  ]
  const head = facts.map(([name, text]) => `${`${name}:`.padEnd(16)}${text}\n`).join("")
  const calls = report.openCalls.map(
    ({ ageMs, method, remote }) =>
      `  ${oneLine(method)} for ${numbers.duration(ageMs)}${remote === "" ? "" : ` from ${oneLine(remote)}`}\n`,
  )
  const more = report.openCallCount - report.openCalls.length
  const open = report.openCallCount === 0 ? "" : `\nOpen calls: ${report.openCallCount}\n${calls.join("")}`
  const rest = more > 0 ? `  and ${numbers.count(more)} more\n` : ""
  return `${head}${open}${rest}${figuresText(report)}${logText(report)}`
}

const figuresText = ({ at, samples }: Report): string => {
  if (samples.length === 0) return ""
  const lines = samples.map(({ at: taken, cpuPercent, loopLagMs, rssBytes }) => {
    const before = `${Math.round((taken - at) / 1_000)} s`.padStart(6)
    const lag = loopLagMs === null ? "" : `  event loop ${numbers.duration(loopLagMs)} late`
    return `  ${before}  ${numbers.bytes(rssBytes).padStart(9)}  ${cpuPercent.toFixed(1).padStart(6)} % CPU${lag}\n`
  })
  return `\nThe last minute\n${lines.join("")}`
}

const logText = ({ log }: Report): string => {
  if (log.length === 0) return "\nIts log has no lines\n"
  const lines = log.map(({ at, stream, text }) => {
    const time = isoText(at).slice(11, 23)
    return `  ${time} ${stream === "err" ? "!" : " "} ${oneLine(text)}\n`
  })
  return `\nIts last ${log.length === 1 ? "line" : `${log.length} lines`}\n${lines.join("")}`
}

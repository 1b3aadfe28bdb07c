import { writeOut } from "../../platform/Env.ts"
import { currentMs } from "../../platform/Time.ts"
import { command } from "../Command.ts"
import { exitCodes } from "../Failure.ts"
import * as numbers from "../Numbers.ts"
import { oneLine } from "../OneLine.ts"
import { dataFlag, jsonFlag, pageFlag } from "../SharedFlags.ts"
import { writeTable } from "../Table.ts"
import { failedReload, isAsWanted, type Place, readStatus, type ServiceStatus, type Worker } from "./Status.ts"

export const statusCommand = command({
  words: ["status"],
  summary: "show what runs of each service, on each node, instance by instance",
  arguments: [
    { name: "SERVICE", about: "the name of a service; without one, of all that have a process", kind: "rest" },
  ],
  flags: { url: pageFlag, data: dataFlag, json: jsonFlag },
  examples: [
    ["muster status", "all of it"],
    ["muster status greeter --json", "one service, for a script"],
  ],
  notes: [
    "An instance that was started by an agent before the present one is marked adopted. A process that waits for another says for which, and one whose node is away says why. Where a new revision could not be started, what ran before runs on, and the reason is told.",
    "Files: DATA/manager/cli-token lets this command in; DATA/ca/ca.pem verifies a page with HTTPS.",
    "Exit codes: 0 all that is wanted is so, 1 something is not, or the manager refused, 2 the command line is wrong.",
  ],
  run: async ({ data, json, url }, names) => {
    const asked = { url, dataDir: data }
    const services: Array<ServiceStatus> = []
    for (const name of names.length === 0 ? [undefined] : new Set(names))
      services.push(...(await readStatus(name, asked)).services)
    if (json) writeOut(`${JSON.stringify({ services })}\n`)
    else writeServices(services)
    const isWhole = services.every(({ process }) => (process?.instances ?? []).every(isAsWanted))
    return isWhole ? exitCodes.done : exitCodes.failed
  },
})

const head = ["SERVICE", "NODE", "PROCESS", "INSTANCE", "STATE", "PID", "UPTIME", "RESTARTS", "REASON"]

const writeServices = (services: ReadonlyArray<ServiceStatus>) => {
  const now = currentMs()
  const rows = services.flatMap(({ name, process }) =>
    (process?.instances ?? []).flatMap((place) =>
      placeRows(place, now).map((row) => [name, place.nodeName, place.name, ...row]),
    ),
  )
  writeTable(head, rows, { right: [5, 6, 7], none: noneText(services) })
  for (const { name, process } of services) {
    for (const line of notesOf(process)) writeOut(`${oneLine(`${name}: ${line}`)}\n`)
  }
}

const noneText = (services: ReadonlyArray<ServiceStatus>): string => {
  const [only] = services
  if (only === undefined) return "No service has a process: set one on its page, or with PUT /api/services/NAME/process"
  return only.process === null ? `${only.name} has no process` : `${only.name} runs on no node`
}

const notesOf = (process: ServiceStatus["process"]): ReadonlyArray<string> => {
  if (process === null) return []
  const { notJoined, pushed, revision } = process
  return [
    ...(pushed === revision ? [] : [`revision ${revision} of its spec is saved, and not pushed to all`]),
    ...notJoined.map((ip) => `no node with the address ${ip} has joined`),
  ]
}

const placeRows = (place: Place, now: number): ReadonlyArray<ReadonlyArray<string>> => {
  const { delivery, status } = place
  if (status === null || delivery.state === "away") {
    const state = delivery.state === "none" ? "not pushed" : delivery.state === "away" ? "node away" : "unknown"
    return [["-", state, "", "", "", delivery.message ?? place.error ?? ""]]
  }
  const set = setReason(place)
  const workers = [
    ...status.workers.map((worker) => row(worker, `${worker.slot}`, set, now)),
    ...status.taskWorkers.map((worker) => row(worker, `task-${worker.slot}`, set, now)),
  ]
  return workers.length > 0 ? workers : [["-", status.state, "", "", "", both(status.reason, set)]]
}

/** What concerns the whole set. */
const setReason = (place: Place): string => {
  const { delivery, status } = place
  const parts = [
    status?.waitingFor === null || status === null ? "" : `waits: ${status.waitingFor}`,
    delivery.state === "refused" ? `the node refused it: ${delivery.message ?? ""}` : "",
    delivery.state === "sending" && delivery.wanted !== null
      ? `revision ${delivery.wanted.revision}, ${delivery.wanted.desired}, is on its way`
      : "",
    failedReload(place) ?? "",
    status?.limitsMissing === null || status === null ? "" : `without its limits: ${status.limitsMissing}`,
  ]
  return parts.filter((part) => part !== "").join("; ")
}

const row = (worker: Worker, name: string, set: string, now: number): ReadonlyArray<string> => [
  name,
  stateText(worker),
  worker.pid === null ? "-" : `${worker.pid}`,
  worker.state === "RUNNING" ? numbers.duration(Math.max(0, now - worker.since)) : "-",
  `${worker.restarts}`,
  both(worker.reason, set),
]

const both = (own: string | null, set: string) => [own ?? "", set].filter((part) => part !== "").join("; ")

const stateText = ({ adopted, ready, state }: Worker): string => {
  const words = [state, ...(state === "RUNNING" && !ready ? ["not ready"] : []), ...(adopted ? ["adopted"] : [])]
  return words.join(", ")
}

import { Schema } from "effect"
import { writeOut } from "../../platform/Env.ts"
import { sleep } from "../../platform/Time.ts"
import type { ApiOptions } from "../Api.ts"
import { exitCodes } from "../Failure.ts"
import * as numbers from "../Numbers.ts"
import { oneLine } from "../OneLine.ts"
import { Progress } from "../Progress.ts"
import { writeTable } from "../Table.ts"
import { type Place, readStatus } from "./Status.ts"

const State = Schema.Literals(["done", "failed", "kept", "pending"])

const Node = Schema.Struct({
  nodeId: Schema.String,
  nodeName: Schema.String,
  name: Schema.String,
  outcome: State,
  ready: Schema.Int,
  total: Schema.Int,
  reason: Schema.NullOr(Schema.String),
  tookMs: Schema.Finite,
})

/** What came of an action on one service. */
export const ServiceOutcome = Schema.Struct({
  service: Schema.String,
  outcome: State,
  /** Why nothing was done with it at all. */
  error: Schema.NullOr(Schema.String),
  nodes: Schema.Array(Node),
})
type ServiceOutcome = typeof ServiceOutcome.Type

const words = { done: "done", failed: "failed", kept: "kept for later", pending: "not done yet" } as const

/** What came of it, place by place, and a sentence for each service; answers the exit code. */
export const writeOutcomes = (results: ReadonlyArray<ServiceOutcome>, verb: string): number => {
  const rows = results.flatMap(({ nodes, service }) =>
    nodes.map((node) => [
      service,
      node.nodeName,
      node.name,
      words[node.outcome],
      `${node.ready} of ${node.total}`,
      numbers.duration(node.tookMs),
      reasonOf(node),
    ]),
  )
  if (rows.length > 0) writeTable(["SERVICE", "NODE", "PROCESS", "OUTCOME", "READY", "TOOK", "REASON"], rows)
  for (const result of results) writeOut(`${oneLine(sentence(result, verb))}\n`)
  return exitCodeOf(results)
}

export const exitCodeOf = (results: ReadonlyArray<ServiceOutcome>): number =>
  results.every(({ outcome }) => outcome === "done") ? exitCodes.done : exitCodes.failed

const reasonOf = ({ outcome, reason }: ServiceOutcome["nodes"][number]): string =>
  outcome === "kept" ? `the node is away, and is told when it is back: ${reason ?? ""}` : (reason ?? "")

/** `greeter: stopped on 2 of 3 nodes, 1 is away and is told when it is back` */
const sentence = ({ error, nodes, service }: ServiceOutcome, verb: string): string => {
  if (error !== null) return `${service}: ${error}`
  if (nodes.length === 0) return `${service}: runs on no node; it is so from now on`
  const count = (state: ServiceOutcome["outcome"]) => nodes.filter(({ outcome }) => outcome === state).length
  const [kept, failed, pending] = [count("kept"), count("failed"), count("pending")]
  return [
    `${service}: ${verb} on ${count("done")} of ${nodes.length} ${nodes.length === 1 ? "node" : "nodes"}`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(pending > 0 ? [`${pending} not done yet`] : []),
    ...(kept > 0 ? [`${kept} away and told when back`] : []),
  ].join(", ")
}

const lookEveryMs = 500
const shownMax = 4

/** Shows how far it is, on a terminal, while `work` runs. */
export const withProgress = async <A>(
  services: ReadonlyArray<string>,
  options: ApiOptions,
  work: () => Promise<A>,
): Promise<A> => {
  const over = new AbortController()
  const watching = watch(services, options, over.signal)
  try {
    return await work()
  } finally {
    over.abort()
    await watching
  }
}

const watch = async (services: ReadonlyArray<string>, options: ApiOptions, over: AbortSignal): Promise<void> => {
  const progress = new Progress()
  while (progress.isShown && !over.aborted) {
    await sleep(lookEveryMs, over)
    const only = services.length === 1 ? services[0] : undefined
    const seen = over.aborted ? undefined : await readStatus(only, options).catch(() => undefined)
    const own = (seen?.services ?? []).filter(({ name }) => services.includes(name))
    const places = own.flatMap(({ process }) => process?.instances ?? [])
    const running = places.filter(({ action }) => action?.state === "running")
    if (running.length > 0 && !over.aborted) progress.show(() => oneLine(lineOf(running)))
  }
  progress.clear()
}

const lineOf = (running: ReadonlyArray<Place>): string => {
  const shown = running.slice(0, shownMax).map(({ name, nodeName, status }) => {
    const workers = [...(status?.workers ?? []), ...(status?.taskWorkers ?? [])]
    const ready = workers.filter((worker) => worker.ready).length
    return `${nodeName} ${name}: ${status?.state.toLowerCase() ?? "unknown"}, ${ready} of ${workers.length} ready`
  })
  const more = running.length - shown.length
  return more > 0 ? `${shown.join("; ")}; and ${more} more` : shown.join("; ")
}

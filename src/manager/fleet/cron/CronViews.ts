import { Result, Struct } from "effect"
import { type CronPlace, type CronRunView, type CronTaskView, runAt } from "../../../domain/CronView.ts"
import { planOf } from "../../../domain/Schedule.ts"
import type { CronRun } from "../../../protocol/CronMessages.ts"
import type { StoredCron } from "../../store/CronTasksRepo.ts"
import type { SessionState } from "../NodeSession.ts"

/** What is known of the nodes while tasks are looked at. */
export type Nodes = {
  readonly at: (ip: string) => SessionState | undefined
  readonly get: (nodeId: string) => SessionState | undefined
  readonly name: (nodeId: string) => string
}

export const runView = (nodes: Nodes, nodeId: string, run: CronRun): CronRunView => ({
  ...Struct.omit(run, ["taskId"]),
  nodeId,
  nodeName: nodes.name(nodeId),
})

const placeOf = (stored: StoredCron, nodes: Nodes): CronPlace => {
  const { heldBy, heldRevision, ip, revision } = stored
  const session = nodes.at(ip)
  if (heldBy !== null && heldBy !== session?.node.id) {
    const connected = nodes.get(heldBy)?.connection === "connected"
    return { state: "waiting", nodeName: nodes.name(heldBy), connected }
  }
  if (session === undefined) return { state: "no-node" }
  if (heldBy !== null && heldRevision === revision) return { state: "here" }
  if (session.connection !== "connected") return { state: "away" }
  return session.cronProblem === null ? { state: "sending" } : { state: "refused", problem: session.cronProblem }
}

/** What the node that has the task says of it. */
export const toldOf = ({ heldBy, id }: StoredCron, nodes: Nodes) =>
  heldBy === null ? undefined : nodes.get(heldBy)?.status?.cron.find((one) => one.id === id)

/** The node's own word while it can be heard. Where a time zone rules, anybody can tell. */
const nextOf = (stored: StoredCron, nodes: Nodes, now: number): number | null => {
  const told = toldOf(stored, nodes)
  if (told !== undefined && stored.heldRevision === stored.revision) return told.nextAt
  const { enabled, schedule } = stored.task
  if (!enabled || schedule.kind === "interval") return null
  const plan = planOf(schedule, stored.modifiedAt)
  return Result.isSuccess(plan) ? (plan.success.next(now) ?? null) : null
}

const lastOf = (stored: StoredCron, nodes: Nodes): CronRun | null => {
  const told = toldOf(stored, nodes)?.last ?? null
  if (told === null || stored.last === null) return told ?? stored.last
  return runAt(told) >= runAt(stored.last) ? told : stored.last
}

export const cronView = (stored: StoredCron, nodes: Nodes, now: number, lacks: CronTaskView["lacks"]): CronTaskView => {
  const session = nodes.at(stored.ip)
  const last = lastOf(stored, nodes)
  const { createdAt, createdBy, heldBy, ip, modifiedAt, modifiedBy, revision, task } = stored
  return {
    ...task,
    revision,
    node: {
      ip,
      id: session?.node.id ?? null,
      name: session === undefined ? null : nodes.name(session.node.id),
      connected: session?.connection === "connected",
    },
    place: placeOf(stored, nodes),
    nextAt: nextOf(stored, nodes, now),
    running: toldOf(stored, nodes)?.running ?? 0,
    last: last === null ? null : runView(nodes, heldBy ?? session?.node.id ?? "", last),
    lacks,
    createdAt,
    createdBy,
    modifiedAt,
    modifiedBy,
  }
}

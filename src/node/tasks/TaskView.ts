import { decode } from "../../protocol/Decode.ts"
import type { TaskView } from "../../protocol/NodeManager.ts"
import { valueJson } from "../../protocol/ValueJson.ts"
import type { StoredTask } from "./TaskStore.ts"

const shownCharacters = 4_096

const payloadText = ({ payload, payload_bytes }: StoredTask): string => {
  if (payload === null) return `(${payload_bytes} bytes)`
  try {
    const text = valueJson(decode(payload))
    return text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters - 1).toWellFormed()}…`
  } catch (error) {
    return `(not readable: ${error instanceof Error ? error.message : String(error)})`
  }
}

/** A task as the manager shows it. `runs`: its attempt, when it runs now. */
export const taskView = (stored: StoredTask, runs: number | undefined): TaskView => {
  const state = stored.state === 1 ? "dead" : runs === undefined ? "waiting" : "running"
  return {
    id: stored.id,
    task: stored.task,
    state,
    attempts: runs ?? stored.attempts,
    attemptsMax: stored.attempts_max,
    payload: payloadText(stored),
    queuedAt: stored.queued_at,
    dueAt: state === "waiting" ? stored.due_at : null,
    error: stored.error,
  }
}

import type { DeadLetter, TasksView } from "../../src/domain/TaskFigures.ts"
import { hour, minute, now, ulid } from "./galleryTimes.ts"

/** The queued work of the gallery's service. */
const letter = (number: number, rest: Partial<DeadLetter>): DeadLetter => ({
  nodeId: ulid(111),
  nodeName: "node-11",
  id: ulid(700 + number),
  task: "invoice.send",
  attempts: 5,
  attemptsMax: 5,
  payload: JSON.stringify({ order: "ord_2Xk91", to: "ann@example.com", attachments: ["invoice.pdf"] }, null, 2),
  queuedAt: now - number * hour,
  error: "unavailable: connect ECONNREFUSED 10.20.7.4:25",
  ...rest,
})

export const busyTasks: TasksView = {
  known: true,
  counts: { waiting: 1_812, running: 4, dead: 6 },
  nodes: [
    { nodeName: "node-11", name: "order-center@9501", counts: { waiting: 1_204, running: 2, dead: 6 } },
    { nodeName: "node-12", name: "order-center@9501", counts: { waiting: 608, running: 2, dead: 0 } },
  ],
  silent: [{ nodeName: "node-16", problem: { _tag: "NoAnswer" } }],
  letters: [
    letter(1, { queuedAt: now - 12 * minute }),
    letter(2, {
      task: "thumbnail",
      error: "deadline_exceeded: did not end within 60 s",
      payload: '"s3://bucket/a.png"',
    }),
    letter(3, {
      nodeName: "node-12.eu-1.compute.internal.example.com",
      error: `internal: Cannot read properties of undefined (reading 'lines')\n    at send (/srv/orders/invoice.ts:41:18)\n    at run (/srv/orders/invoice.ts:12:3)`,
    }),
    letter(4, { error: null, attempts: 1, attemptsMax: 1, payload: "null" }),
  ],
  more: 2,
}

export const calmTasks: TasksView = {
  ...busyTasks,
  counts: { waiting: 12, running: 1, dead: 0 },
  nodes: [{ nodeName: "node-11", name: "order-center@9501", counts: { waiting: 12, running: 1, dead: 0 } }],
  silent: [],
  letters: [],
  more: 0,
}

export const noTasks: TasksView = {
  known: false,
  counts: { waiting: 0, running: 0, dead: 0 },
  nodes: [],
  silent: [],
  letters: [],
  more: 0,
}

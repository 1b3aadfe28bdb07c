import { now } from "./galleryFixtures.ts"

/** What the manager's API tells of a service's logs, and then goes on with nothing. */
const line = (at: number, node: string, place: string, text: string, stream = "out") =>
  JSON.stringify({ at: now - 60_000 + at * 137, node, nodeId: node, process: "order-center@9501", place, stream, text })

const module = (at: number, place: string, level: string, message: string) =>
  line(
    at,
    at % 2 === 0 ? "node-11" : "node-12",
    place,
    `2026-11-22T12:00:00.${100 + at}Z ${level.padEnd(5)} [${place} ${4_700 + at}] ${message}`,
    level === "WARN" || level === "ERROR" ? "err" : "out",
  )

export const logLines = [
  module(1, "0", "INFO", "ready on 10.20.2.11:9501"),
  module(
    2,
    "1",
    "INFO",
    'order created  trace=4bf92f3577b34da6a3ce929d0e0e4736 order=ord_2Xk91 amount=12.5 by="lin wei"',
  ),
  line(3, "node-11", "0", "printed by the module itself, 你好"),
  module(4, "0", "DEBUG", "cache miss  key=order:7"),
  module(5, "tasks/0", "WARN", "slow task  task=invoice.send ms=4210"),
  module(6, "1", "ERROR", "Error: connect ECONNREFUSED 10.20.7.4:25"),
  line(6.5, "node-11", "1", "    at send (/srv/orders/invoice.ts:41:18)", "err"),
  line(7, "node-12", "2", `a line that is ${"very ".repeat(80)}long`),
  JSON.stringify({ event: "dropped", node: "node-12", nodeId: "x", process: "order-center@9501", lines: 1_204 }),
  JSON.stringify({
    event: "away",
    node: "node-16",
    nodeId: "y",
    process: "p",
    message: "The node did not answer in time",
  }),
  JSON.stringify({ event: "caughtUp" }),
  ...Array.from({ length: 30 }, (_, at) => module(10 + at, String(at % 3), "INFO", `order created  order=ord_${at}`)),
]

export const logStream = () =>
  new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(`${logLines.join("\n")}\n`)),
    }),
    { headers: { "content-type": "application/x-ndjson" } },
  )

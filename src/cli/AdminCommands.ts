import { Schema } from "effect"
import { writeOut } from "../platform/Env.ts"
import { ask } from "./Api.ts"
import { command } from "./Command.ts"
import { exitCodes, UsageError } from "./Failure.ts"
import { address, duration, flag, optional, toggle } from "./Flag.ts"
import { dataFlag, jsonFlag, pageFlag } from "./SharedFlags.ts"
import { writeTable } from "./Table.ts"

const files = "Files: DATA/manager/cli-token lets this command in; DATA/ca/ca.pem verifies a page with HTTPS."
const codes = "Exit codes: 0 done, 1 the manager refused or did not answer, 2 the command line is wrong."

const NewToken = Schema.Struct({ token: Schema.String, expiresAt: Schema.Int, command: Schema.String })

export const tokenCommand = command({
  words: ["token", "create"],
  summary: "make a token with which a node joins",
  arguments: [],
  flags: {
    once: toggle("once", "For one node; so it is without --many"),
    many: toggle("many", "For any number of nodes until it expires"),
    ttl: flag("ttl", duration, "How long it is good for", "1h"),
    url: pageFlag,
    data: dataFlag,
    json: jsonFlag,
  },
  examples: [
    ["muster token create", "one node within an hour"],
    ["muster token create --many --ttl 1d --url https://manager.example:8800", "a day of new nodes"],
  ],
  notes: ["Prints the token, and on the next line the command that joins a node with it.", files, codes],
  run: async ({ data, json, many, once, ttl, url }) => {
    if (many && once) throw new UsageError({ message: "--once and --many exclude each other" })
    const made = await ask(
      NewToken,
      { method: "POST", path: "/tokens", body: { kind: many ? "many" : "once", ttlMs: ttl } },
      { url, dataDir: data },
    )
    writeOut(json ? `${JSON.stringify(made)}\n` : `${made.token}\n${made.command}\n`)
    return exitCodes.done
  },
})

const NodeRow = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  ip: Schema.String,
  port: Schema.Int,
  connection: Schema.String,
  error: Schema.NullOr(Schema.String),
  version: Schema.NullOr(Schema.String),
  services: Schema.Int,
})

export const nodesCommand = command({
  words: ["nodes"],
  summary: "list the nodes that have joined",
  arguments: [],
  flags: { url: pageFlag, data: dataFlag, json: jsonFlag },
  examples: [["muster nodes", "who is there, and who is away and why"]],
  notes: [files, codes],
  run: async ({ data, json, url }) => {
    const nodes = await ask(Schema.Array(NodeRow), { method: "GET", path: "/nodes" }, { url, dataDir: data })
    if (json) writeOut(`${JSON.stringify(nodes)}\n`)
    else {
      writeTable(
        ["NAME", "ADDRESS", "STATE", "VERSION", "SERVICES", "ID", "REASON"],
        nodes.map((node) => [
          node.name,
          `${node.ip}:${node.port}`,
          node.connection,
          node.version ?? "-",
          `${node.services}`,
          node.id,
          node.error ?? "",
        ]),
      )
    }
    return exitCodes.done
  },
})

const Counts = Schema.Struct({ total: Schema.Int, online: Schema.Int, up: Schema.Int })
const ServiceRow = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  health: Schema.String,
  revision: Schema.NullOr(Schema.Int),
  endpoints: Counts,
  clients: Schema.Struct({ total: Schema.Int, current: Schema.Int, failed: Schema.Int }),
  processes: Schema.NullOr(
    Schema.Struct({
      kind: Schema.String,
      desired: Schema.String,
      wanted: Schema.Int,
      running: Schema.Int,
      stopping: Schema.Int,
      workers: Schema.Struct({ ready: Schema.Int, want: Schema.Int }),
    }),
  ),
})

/** `2 of 2 nodes, 8 of 8 ready`: where its processes run of where they are to. */
const processesText = (processes: (typeof ServiceRow.Type)["processes"]): string => {
  if (processes === null) return "-"
  const { desired, running, stopping, wanted, workers } = processes
  if (wanted === 0 && stopping > 0) return `stops on ${stopping} ${stopping === 1 ? "node" : "nodes"}`
  if (wanted === 0) return desired === "stopped" ? "stopped" : "on no node"
  return `${running} of ${wanted} ${wanted === 1 ? "node" : "nodes"}, ${workers.ready} of ${workers.want} ready`
}

export const servicesCommand = command({
  words: ["services"],
  summary: "list the services, their health, what of them runs and how far their lists have come",
  arguments: [],
  flags: { url: pageFlag, data: dataFlag, json: jsonFlag },
  examples: [["muster services --json", "for a script"]],
  notes: [files, codes],
  run: async ({ data, json, url }) => {
    const services = await ask(Schema.Array(ServiceRow), { method: "GET", path: "/services" }, { url, dataDir: data })
    if (json) writeOut(`${JSON.stringify(services)}\n`)
    else {
      writeTable(
        ["NAME", "HEALTH", "PROCESSES", "REVISION", "ENDPOINTS UP", "CLIENTS CURRENT"],
        services.map(({ clients, endpoints, health, name, processes, revision }) => [
          name,
          health,
          processesText(processes),
          revision === null ? "-" : `${revision}`,
          `${endpoints.up} of ${endpoints.total}`,
          `${clients.current} of ${clients.total}${clients.failed > 0 ? `, ${clients.failed} failed` : ""}`,
        ]),
      )
    }
    return exitCodes.done
  },
})

const Outcome = Schema.Struct({
  job: Schema.Struct({
    revision: Schema.Int,
    total: Schema.Int,
    ok: Schema.Int,
    failed: Schema.Int,
    left: Schema.Int,
  }),
  clients: Schema.Array(
    Schema.Struct({
      ip: Schema.String,
      node: Schema.NullOr(Schema.String),
      state: Schema.NullOr(Schema.String),
      revision: Schema.NullOr(Schema.Int),
      error: Schema.NullOr(Schema.Struct({ message: Schema.String })),
    }),
  ),
})

export const pushCommand = command({
  words: ["push"],
  summary: "push the released endpoint list of a service to its clients",
  arguments: [{ name: "SERVICE", about: "the name of the service", kind: "one" }],
  flags: {
    node: optional("node", address, "Push to the client of this address only, rather than to all"),
    timeout: flag(
      "timeout",
      duration,
      "How long to wait for the outcome, up to 45s; milliseconds when there is no unit",
      "10s",
    ),
    url: pageFlag,
    data: dataFlag,
    json: jsonFlag,
  },
  examples: [
    ["muster push greeter", "to all clients, and what each one has now"],
    ["muster push greeter --node 127.1.1.101", "to one of them"],
  ],
  notes: [
    "A client that did not get the list is named with its reason; the manager goes on trying by itself.",
    files,
    "Exit codes: 0 every client has the list, 1 some have not, or the manager refused, 2 the command line is wrong.",
  ],
  run: async ({ data, json, node, timeout, url }, [service = ""]) => {
    const { clients, job } = await ask(
      Outcome,
      {
        method: "POST",
        path: `/services/${encodeURIComponent(service)}/pushes?wait=${timeout}`,
        body: node === undefined ? {} : { clients: [node] },
      },
      { url, dataDir: data, timeoutMs: timeout + 5_000 },
    )
    if (json) writeOut(`${JSON.stringify({ clients, job })}\n`)
    else {
      writeTable(
        ["CLIENT", "NODE", "OUTCOME", "HAS REVISION", "REASON"],
        clients.map((client) => [
          client.ip,
          client.node ?? "-",
          client.state ?? "-",
          client.revision === null ? "-" : `${client.revision}`,
          client.error?.message ?? "",
        ]),
      )
      writeOut(`Revision ${job.revision}: ${job.ok} of ${job.total} clients have it\n`)
    }
    return job.ok === job.total ? exitCodes.done : exitCodes.failed
  },
})

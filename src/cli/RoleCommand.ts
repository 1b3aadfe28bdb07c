import { command } from "./Command.ts"
import { UsageError } from "./Failure.ts"
import {
  address,
  bearerToken,
  choice,
  database,
  flag,
  type HostPort,
  hostPort,
  hostPortOrOff,
  optional,
  path,
  text,
  toggle,
  url,
} from "./Flag.ts"
import type { Line, Values } from "./Parse.ts"
import { dataFlag } from "./SharedFlags.ts"

export const roleFlags = {
  role: optional(
    "role",
    choice("manager", "node", "standalone"),
    "What this process is; standalone is both on one host",
  ),
  data: dataFlag,
  listen: optional(
    "listen",
    hostPort,
    "manager, standalone: where the page is (default 127.0.0.1:8800). node: where the agent listens for the manager (default 127.0.0.1:8821)",
  ),
  nodeListen: flag("node-listen", hostPort, "standalone: where its agent listens", "127.0.0.1:8821"),
  database: flag(
    "database",
    database,
    "manager: where services, clients and users are kept; sqlite is DATA/muster.db",
    "sqlite",
  ),
  tlsCert: optional(
    "tls-cert",
    path("FILE"),
    "manager: the page's certificate (PEM), in place of one from the cluster's CA",
  ),
  tlsKey: optional("tls-key", path("FILE"), "manager: the key (PEM) of --tls-cert"),
  insecureHttp: toggle("insecure-http", "manager: plain HTTP although the page is not on loopback"),
  join: optional("join", url, "node: the manager's page; needed at the first start only"),
  token: optional(
    "token",
    text("TOKEN"),
    "node: what muster token create printed; in MUSTER_TOKEN other users don't see it",
  ),
  name: optional("name", text("NAME"), "node: how it is shown (default: the host's name)"),
  advertise: optional(
    "advertise",
    address,
    "node: the address where the manager reaches it (default: the one it joined from)",
  ),
  gateway: optional(
    "gateway",
    hostPortOrOff,
    "node, standalone: where programs call services by HTTP: POST /rpc/SERVICE/METHOD with JSON (default 127.0.0.1:8823, and DATA/gateway/gateway.sock); off switches it off",
  ),
  gatewayToken: optional(
    "gateway-token",
    bearerToken,
    "node, standalone: what HTTP callers must show; needed when --gateway is not on loopback. Other users see it here, but not in MUSTER_GATEWAY_TOKEN",
  ),
  gatewayTokenFile: optional("gateway-token-file", path("FILE"), "node, standalone: the same, from a file"),
  logFormat: flag("log-format", choice("text", "json"), "How log lines on stderr look", "text"),
  logLevel: flag(
    "log-level",
    choice("debug", "info", "warn", "error"),
    "The least grave lines that are logged",
    "info",
  ),
} as const

export type RoleFlags = Values<typeof roleFlags>
export type Role = "manager" | "node" | "standalone"

/** Flags that only some roles understand. From the environment they may be set for all. */
const rolesOf: Readonly<Record<string, ReadonlyArray<Role>>> = {
  "node-listen": ["standalone"],
  database: ["manager", "standalone"],
  "tls-cert": ["manager", "standalone"],
  "tls-key": ["manager", "standalone"],
  "insecure-http": ["manager", "standalone"],
  join: ["node"],
  token: ["node"],
  name: ["node", "standalone"],
  advertise: ["node", "standalone"],
  gateway: ["node", "standalone"],
  "gateway-token": ["node", "standalone"],
  "gateway-token-file": ["node", "standalone"],
}

const defaultPage: HostPort = { host: "127.0.0.1", port: 8800 }
const defaultAgent: HostPort = { host: "127.0.0.1", port: 8821 }

export interface RoleSettings extends Omit<RoleFlags, "role" | "listen" | "nodeListen" | "tlsCert" | "tlsKey"> {
  readonly role: Role
  readonly page: HostPort
  readonly agent: HostPort
  readonly tls: { readonly cert: string; readonly key: string } | undefined
}

export const roleCommand = command({
  words: [],
  summary: "runs resident TCP services on several hosts, and manages them from one web page",
  arguments: [],
  flags: roleFlags,
  examples: [
    ["muster --role=standalone --data ./data", "manager and node on this host: the page is on http://127.0.0.1:8800"],
    ["muster --role=manager --listen 0.0.0.0:8800", "the page on all addresses, with HTTPS"],
    ["muster token create", "on the manager's host: a token for one more node"],
    [
      "MUSTER_TOKEN=mst_… muster --role=node --join https://manager.example:8800 --listen 10.0.0.5:8821",
      "on the new node's host",
    ],
    ["muster call greeter hello 世界", "on any node that is a client of the service"],
  ],
  notes: [
    "Files: DATA/muster.db, DATA/ca and DATA/manager are the manager's; DATA/node.json, DATA/tls, DATA/discovery, DATA/processes.json, DATA/logs, DATA/run and DATA/gateway are the node's. Nothing else is written.",
    "Signals: SIGTERM and SIGINT let open calls finish and stop everything; a second one stops at once. Services of a node that is stopped so are stopped with it.",
    "Signals of a node, which leave its services running: SIGHUP upgrades it in place, to the executable that lies at its path now; SIGQUIT ends it, and the next agent on the data folder takes the services over, as it does when the agent is killed.",
    "Exit codes: 0 stopped by a signal, 1 failed, 2 the command line or a setting is wrong, or a port is in use.",
  ],
  run: async (values) => {
    const { runRole } = await import("./Roles.ts")
    return await runRole(settingsOf(values))
  },
  check: (line) => refuseOthers(line),
})

/** Whether a role understands a flag. */
export const isFlagOf = (role: string, name: string): boolean => {
  const roles: ReadonlyArray<string> | undefined = rolesOf[name]
  return roles === undefined || roles.includes(role)
}

/** Refuses flags that the role on the line doesn't understand. */
export const refuseOthers = ({ texts }: Line): void => {
  const role = texts.get("role")
  if (role === undefined) return
  const name = [...texts.keys()].find((given) => !isFlagOf(role, given))
  if (name === undefined) return
  throw new UsageError({ message: `--${name} is for --role=${(rolesOf[name] ?? []).join(" and --role=")} only` })
}

export const settingsOf = (values: RoleFlags): RoleSettings => {
  const { listen, nodeListen, role, tlsCert, tlsKey } = values
  if (role === undefined) {
    throw new UsageError({ message: "--role is missing: give manager, node or standalone; muster --help tells more" })
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new UsageError({ message: `--tls-${tlsKey === undefined ? "key" : "cert"} is missing: a page needs both` })
  }
  return {
    ...values,
    role,
    page: listen ?? defaultPage,
    agent: role === "standalone" ? nodeListen : (listen ?? defaultAgent),
    tls: tlsCert === undefined || tlsKey === undefined ? undefined : { cert: tlsCert, key: tlsKey },
  }
}

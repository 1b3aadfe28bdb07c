import { agentStopMaxMs } from "../../domain/StopTime.ts"

export type UnitRole = "node" | "manager"

export type UnitSettings = {
  readonly role: UnitRole
  /** The program and its arguments. */
  readonly command: ReadonlyArray<string>
  /** All of the role's state. */
  readonly data: string
  /** What else it must be able to read. */
  readonly reads: ReadonlyArray<string>
  /** Undefined: root. */
  readonly user: string | undefined
  /** For the systemd of one user: where that user's files of secrets are. Undefined: for the host's. */
  readonly userFolder?: string | undefined
}

/** What a reader of the unit is told, then the setting. */
type Entry = { readonly why?: string; readonly lines: ReadonlyArray<string> }

const entry = (...lines: ReadonlyArray<string>): Entry => ({ lines })
const because = (why: string, ...lines: ReadonlyArray<string>): Entry => ({ why, lines })

export const unitName = (role: UnitRole): string => `muster-${role}`

/** Secrets go here, as `NAME=value` lines: every user of the host can read a unit and its command line. */
export const environmentFile = (role: UnitRole, userFolder = "/etc/muster"): string => `${userFolder}/${role}.env`

export const secretVariables: Readonly<Record<UnitRole, ReadonlyArray<string>>> = {
  node: ["MUSTER_TOKEN", "MUSTER_GATEWAY_TOKEN"],
  manager: ["MUSTER_DATABASE"],
}

/** For the end of what is open besides the services. */
const stopSpareMs = 25_000
const stopSeconds = Math.ceil((agentStopMaxMs + stopSpareMs) / 1_000)

/** A word of a setting that takes several: percent signs are specifiers there, and dollars variables in a command. */
const quoted = (word: string): string => {
  const text = word.replaceAll("\\", "\\\\").replaceAll("%", "%%")
  return /[\s"';]/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text
}

/** A setting that is one path to the end of its line. */
const specifiersOff = (path: string) => path.replaceAll("%", "%%")

const commandLine = (command: ReadonlyArray<string>) =>
  command.map((word) => quoted(word.replaceAll("$", "$$$$"))).join(" ")

const lies = (path: string, folders: ReadonlyArray<string>) =>
  folders.some((folder) => path === folder || path.startsWith(`${folder}/`))

/** The name below /var/lib of a folder that systemd makes itself, where it is one. */
export const stateDirectory = (data: string): string | undefined =>
  /^\/var\/lib\/((?:[\w@-][\w.@-]*\/)*[\w@-][\w.@-]*)$/.exec(data)?.[1]

/** The systemd of a user knows none of the host's units. */
const hostEntries = ({ data, role }: UnitSettings): ReadonlyArray<Entry> => [
  because(
    "The addresses it listens on may come late, and so may a database on this host.",
    "Wants=network-online.target",
    `After=network-online.target${role === "manager" ? " mysql.service mariadb.service" : ""}`,
  ),
  entry(`RequiresMountsFor=${quoted(data)}`),
]

const unitSection = (settings: UnitSettings): ReadonlyArray<Entry> => [
  entry(`Description=Muster ${settings.role}`),
  ...(settings.userFolder === undefined ? hostEntries(settings) : []),
  because(
    "It is started again for ever: what was missing (an address, the database, a free port) may come back.",
    "StartLimitIntervalSec=0",
  ),
]

const startEntries = ({ command, data, role, user, userFolder }: UnitSettings): ReadonlyArray<Entry> => {
  const state = userFolder === undefined ? stateDirectory(data) : undefined
  const file = environmentFile(role, userFolder)
  return [
    because(
      "READY=1 comes when it listens, STOPPING=1 when it starts to end.",
      "Type=notify",
      "# Only from its own process: nothing that it starts speaks for it.",
      "NotifyAccess=main",
    ),
    entry(`ExecStart=${commandLine(command)}`),
    because(
      `Secrets are in this file, of mode 0600, and not in here, where every user can read them: ${secretVariables[role].join(", ")}. It may be missing.`,
      `EnvironmentFile=-${specifiersOff(file)}`,
    ),
    ...(user === undefined ? [] : [entry(`User=${user}`)]),
    ...(state === undefined ? [] : [entry(`StateDirectory=${state}`)]),
    role === "manager"
      ? because("The store is migrated at the start.", "TimeoutStartSec=10min")
      : because(
          "It asks for more while its event loop turns: a start that was given up would stop the services that it takes over.",
          "TimeoutStartSec=2min",
        ),
    because(
      "It is killed and started again when its event loop does not turn for so long; it reports twice within this time.",
      "WatchdogSec=30",
      "# The usual SIGABRT would make the runtime ask for a report of its crash.",
      "WatchdogSignal=SIGKILL",
    ),
    entry("Restart=always", "RestartSec=2"),
  ]
}

/**
 * Root has a scope beside the unit from any systemd, and so has a user from the own one. Who is neither may make none, and
 * has what is below the unit, which can be limited once the agent is out of the way.
 */
const delegationEntries = (user: string | undefined): ReadonlyArray<Entry> =>
  user === undefined
    ? [
        because(
          "Control groups below its own are left to what it runs. Processes with limits are in a scope beside it.",
          "Delegate=yes",
        ),
      ]
    : [
        because(
          "Control groups below its own are left to it, for processes with limits; it is in one itself, as a group that limits others may hold none (systemd 254; an older one warns, and the node says which limits it can't keep).",
          "Delegate=yes",
          "DelegateSubgroup=agent",
        ),
      ]

const nodeEntries = (user: string | undefined): ReadonlyArray<Entry> => [
  because(
    "systemctl reload is its upgrade: the executable that lies there now takes over in the same process, and services run on.",
    "ExecReload=/bin/kill -HUP $MAINPID",
  ),
  because(
    "The agent alone is told to stop: it lets the calls of its services end, and stops them itself. When it is killed, or crashes, they run on, and the next agent takes them over; so they do after systemctl kill --kill-whom=main --signal=QUIT (without whom it would tell all of them).",
    "KillMode=process",
  ),
  because(
    `That takes ${agentStopMaxMs / 1_000} s at most, however long services may drain.`,
    `TimeoutStopSec=${stopSeconds}`,
  ),
  because(
    "A service for which there is no memory dies alone, and is started again by the agent.",
    "OOMPolicy=continue",
  ),
  ...delegationEntries(user),
  because(
    "Shared by all services of the node; each can have a socket for each caller.",
    "LimitNOFILE=1048576",
    "TasksMax=infinity",
  ),
  {
    why: "No sandbox: what binds the agent would bind the programs that it runs for you, and they may be anything.",
    lines: [],
  },
]

const capabilityEntries = (user: string | undefined): ReadonlyArray<Entry> =>
  user === undefined
    ? [
        because(
          "Root without its rights, but for a port below 1024, and for files (the data folder, the page's key) of other users.",
          "CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_DAC_OVERRIDE",
        ),
      ]
    : [
        because(
          "For a port below 1024.",
          "AmbientCapabilities=CAP_NET_BIND_SERVICE",
          "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        ),
      ]

const homes = ["/home", "/root", "/run/user"]
const temporary = ["/tmp", "/var/tmp"]

/** A sandbox hides folders; not those that this manager is to use. */
const folderEntries = ({ command, data, reads }: UnitSettings): ReadonlyArray<Entry> => {
  const used = [data, ...reads, ...command.filter((word) => word.startsWith("/"))]
  const needsHome = used.some((path) => lies(path, homes))
  const needsTemporary = used.some((path) => lies(path, temporary))
  return [
    because("All of the file system is read-only but for its data folder.", "ProtectSystem=strict"),
    ...(stateDirectory(data) === undefined ? [entry(`ReadWritePaths=${quoted(data)}`)] : []),
    needsHome ? because("Not hidden, as it uses files there.", "ProtectHome=read-only") : entry("ProtectHome=true"),
    needsTemporary
      ? because("Its own would hide files that it uses there.", "PrivateTmp=false")
      : entry("PrivateTmp=true"),
  ]
}

const managerEntries = (settings: UnitSettings): ReadonlyArray<Entry> => [
  because("It starts no other processes; whatever is left is killed.", "KillMode=mixed"),
  because("Open requests may end.", `TimeoutStopSec=${stopSeconds}`),
  because("A socket for each node, and for each page that is open.", "LimitNOFILE=65536"),
  ...(settings.userFolder === undefined
    ? sandboxEntries(settings)
    : [because("The systemd of a user can make no sandbox for certain.", "NoNewPrivileges=true")]),
]

const sandboxEntries = (settings: UnitSettings): ReadonlyArray<Entry> => [
  ...folderEntries(settings),
  ...capabilityEntries(settings.user),
  because(
    "TCP, the socket of systemd, and netlink to ask for the addresses of this host.",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
  ),
  entry(
    "NoNewPrivileges=true",
    "PrivateDevices=true",
    "ProtectClock=true",
    "ProtectControlGroups=true",
    "ProtectHostname=true",
    "ProtectKernelLogs=true",
    "ProtectKernelModules=true",
    "ProtectKernelTunables=true",
    "ProtectProc=invisible",
    "RestrictNamespaces=true",
    "RestrictRealtime=true",
    "RestrictSUIDSGID=true",
    "LockPersonality=true",
    "SystemCallArchitectures=native",
  ),
  because(
    "What is not in the list fails rather than ends the process.",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",
  ),
  {
    why: "MemoryDenyWriteExecute is left out on purpose: JavaScript is compiled to machine code while it runs.",
    lines: [],
  },
]

const section = (title: string, entries: ReadonlyArray<Entry>) => [
  `[${title}]`,
  ...entries.flatMap(({ lines, why }) => [...(why === undefined ? [] : [`# ${why}`]), ...lines]),
  "",
]

/** A unit for systemd that runs the role. Every setting that does not explain itself has its reason above it. */
export const unitText = (settings: UnitSettings): string => {
  const { role, user, userFolder } = settings
  const [flag, option] = userFolder === undefined ? ["", ""] : [" --user-unit", " --user"]
  return [
    `# Made by muster systemd --role=${role}${flag}. What systemctl${option} edit ${unitName(role)} adds to it stays when it is made anew.`,
    ...section("Unit", unitSection(settings)),
    ...section("Service", [
      ...startEntries(settings),
      ...(role === "node" ? nodeEntries(user) : managerEntries(settings)),
    ]),
    ...section("Install", [entry(`WantedBy=${userFolder === undefined ? "multi-user" : "default"}.target`)]),
  ].join("\n")
}

import { fileVersion, makeFolder, readText, writeDurably } from "../../platform/DurableFile.ts"
import { writeError, writeOut } from "../../platform/Env.ts"
import { join } from "../../platform/Paths.ts"
import { startCommand } from "../../platform/SelfCommand.ts"
import type { Command } from "../Command.ts"
import { CommandFailed, exitCodes, UsageError } from "../Failure.ts"
import { type AnyFlag, choice, optional, path, text, toggle, variableOf } from "../Flag.ts"
import { type Environment, type Line, readFlags } from "../Parse.ts"
import { isFlagOf, refuseOthers, roleFlags, settingsOf } from "../RoleCommand.ts"
import { environmentFile, stateDirectory, type UnitRole, unitName, unitText } from "./Unit.ts"

const { role: _, ...passedFlags } = roleFlags

const userName = {
  ...text("USER"),
  read: (value: string) => (/^[a-z_][a-z0-9_-]{0,30}$/.test(value) ? value : undefined),
  expected: "the name of a user",
}

const flags = {
  role: optional("role", choice("node", "manager"), "What the unit runs"),
  install: toggle("install", "Write the unit rather than print it"),
  unitDir: optional(
    "unit-dir",
    path("FOLDER"),
    "Where --install writes it (default: /etc/systemd/system, with --user-unit ~/.config/systemd/user)",
  ),
  force: toggle("force", "Replace a unit that is there and differs"),
  user: optional("user", userName, "The user it runs as (default: root)"),
  userUnit: toggle(
    "user-unit",
    "A unit for systemctl --user of who types this: it needs no root, and keeps its data in ~/.local/state/muster",
  ),
  ...passedFlags,
} as const

const unitMode = 0o644

/** One flag of the role, as it was given on the line or in its variable. */
type Given = { readonly flag: AnyFlag; readonly text: string }

const givenFlags = (role: UnitRole, { texts }: Line, environment: Environment): ReadonlyArray<Given> =>
  Object.values<AnyFlag>(passedFlags).flatMap((one) => {
    const given = texts.get(one.name) ?? environment(variableOf(one))
    return given === undefined || !isFlagOf(role, one.name) ? [] : [{ flag: one, text: given }]
  })

const secretNames: ReadonlySet<string> = new Set(["token", "gateway-token"])

/** Without a password, the address of a database is none. */
const isSecret = ({ flag: { name }, text: given }: Given) =>
  secretNames.has(name) || (name === "database" && URL.canParse(given) && /[?]|:\/\/[^/]*:[^/]*@/.test(given))

/** Paths are seen from the current folder, which is another one for systemd. */
const argumentOf = ({ flag: { name, placeholder, read }, text: given }: Given): ReadonlyArray<string> => {
  const value = read(given)
  if (placeholder === undefined) return value === true ? [`--${name}`] : []
  return [`--${name}=${typeof value === "string" ? value : given}`]
}

const refuseLineEnds = ({ flag: { name }, text: given }: Given) => {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f]/.test(given)) throw new UsageError({ message: `--${name} has a line end in it, or the like` })
}

type Plan = {
  readonly role: UnitRole
  readonly unit: string
  readonly data: string
  readonly user: string | undefined
  readonly unitDir: string
  /** Where the secrets are to be. */
  readonly secretFile: string
  readonly isUserUnit: boolean
  /** Variables to be set in the file of secrets. */
  readonly secrets: ReadonlyArray<string>
}

/** Where the files of one user are, as the XDG base directories say. */
const userFolders = (environment: Environment) => {
  const home = environment("HOME")
  if (home === undefined) throw new UsageError({ message: "--user-unit needs HOME, the folder of its user" })
  const config = environment("XDG_CONFIG_HOME") ?? join(home, ".config")
  return {
    units: join(config, "systemd/user"),
    secrets: join(config, "muster"),
    data: join(environment("XDG_STATE_HOME") ?? join(home, ".local/state"), "muster"),
  }
}

/** What an ordinary user can't write to is no default for a unit of that user. */
const withUserData = (line: Line, environment: Environment, data: string): Line =>
  line.texts.has("data") || environment("MUSTER_DATA") !== undefined
    ? line
    : { ...line, texts: new Map([...line.texts, ["data", data]]) }

const plan = (typed: Line, environment: Environment): Plan => {
  const own = readFlags({ userUnit: flags.userUnit }, typed, environment).userUnit
    ? userFolders(environment)
    : undefined
  const line = own === undefined ? typed : withUserData(typed, environment, own.data)
  const values = readFlags(flags, line, environment)
  const { role, user } = values
  if (role === undefined) {
    throw new UsageError({ message: "--role is missing: give node or manager; muster systemd --help tells more" })
  }
  if (own !== undefined && user !== undefined) {
    throw new UsageError({ message: "--user is for a unit of the host: one of --user-unit runs as its user" })
  }
  // What the role would refuse at its start is refused here.
  const { data } = settingsOf({ ...values, role })
  const given = givenFlags(role, line, environment)
  for (const one of given) refuseLineEnds(one)
  const open = given.filter((one) => !isSecret(one))
  const secrets = given.filter(isSecret).map((one) => variableOf(one.flag))
  const reads = [values.tlsCert, values.tlsKey, values.gatewayTokenFile].filter((file) => file !== undefined)
  return {
    role,
    data,
    user,
    unitDir: values.unitDir ?? own?.units ?? "/etc/systemd/system",
    secretFile: environmentFile(role, own?.secrets),
    isUserUnit: own !== undefined,
    unit: unitText({
      role,
      command: [...startCommand(), `--role=${role}`, ...open.flatMap(argumentOf)],
      data,
      reads,
      user,
      userFolder: own?.secrets,
    }),
    secrets: values.join !== undefined && role === "node" ? [...new Set(["MUSTER_TOKEN", ...secrets])] : secrets,
  }
}

const reasonOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))

type Written = "made" | "replaced" | "same"

const write = async (file: string, unit: string, force: boolean): Promise<Written> => {
  const before = await readText(file)
  if (before === unit) return "same"
  if (before !== undefined && !force) {
    throw new CommandFailed({
      message: `${file} is there and differs: --force replaces it. Changes of your own are safe in a drop-in, which systemctl edit makes`,
    })
  }
  await writeDurably(file, unit, unitMode)
  return before === undefined ? "made" : "replaced"
}

const install = async (file: string, unit: string, force: boolean): Promise<Written> => {
  try {
    return await write(file, unit, force)
  } catch (error) {
    if (error instanceof CommandFailed) throw error
    throw new CommandFailed({
      message: `Cannot write ${file}: ${reasonOf(error)}. It needs root, and a host with systemd; --unit-dir writes it elsewhere`,
    })
  }
}

const said: Readonly<Record<Written, string>> = {
  made: "Wrote",
  replaced: "Replaced",
  same: "Already as it should be:",
}

const shellWord = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

const secretSteps = async ({ secretFile, secrets }: Plan): Promise<ReadonlyArray<string>> => {
  if (secrets.length === 0) return []
  const file = shellWord(secretFile)
  const isThere = (await readText(secretFile).catch(() => "")) !== undefined
  return [
    ...(isThere ? [] : [`install -D -m 600 /dev/null ${file}`]),
    `\${EDITOR:-nano} ${file}   # ${secrets.map((name) => `${name}=…`).join(" and ")}, a line each`,
  ]
}

/** A sandbox can't be made around a folder that is not there. */
const folderSteps = async ({ data, isUserUnit, role, user }: Plan): Promise<ReadonlyArray<string>> => {
  if (role === "node" || isUserUnit || stateDirectory(data) !== undefined || (await fileVersion(data)) !== undefined)
    return []
  return [`install -d ${user === undefined ? "" : `-o ${user} `}${shellWord(data)}`]
}

const nextSteps = async (planned: Plan, written: Written): Promise<string> => {
  const name = unitName(planned.role)
  const systemctl = planned.isUserUnit ? "systemctl --user" : "systemctl"
  const steps = [
    ...(await folderSteps(planned)),
    ...(await secretSteps(planned)),
    `${systemctl} daemon-reload`,
    `${systemctl} enable --now ${name}`,
    ...(written === "replaced" ? [`${systemctl} restart ${name}   # when it ran before`] : []),
    ...(planned.isUserUnit
      ? [
          "loginctl enable-linger   # so that it runs from the boot on, and after a logout",
          `export MUSTER_DATA=${shellWord(planned.data)}   # for the other commands`,
        ]
      : []),
  ]
  return ["Next:", ...steps.map((step) => `  ${step}`), ""].join("\n")
}

export const systemdCommand: Command = {
  words: ["systemd"],
  summary: "print or install a unit with which systemd runs a role",
  arguments: [],
  flags,
  examples: [
    ["muster systemd --role=manager --listen 10.0.0.10:8800", "print it"],
    [
      "muster systemd --role=node --listen 10.0.0.11:8821 --join https://10.0.0.10:8800 --install",
      "write it; the token goes into /etc/muster/node.env",
    ],
    ["muster systemd --role=node --user-unit --join https://10.0.0.10:8800 --install", "the same without root"],
  ],
  notes: [
    "What is given of the role's flags, on the line or in their variables, is in the unit's command line. Secrets are not (--token, --gateway-token, a --database with a password): they belong into /etc/muster/ROLE.env, with mode 0600, as MUSTER_TOKEN=…",
    "Files: --install writes FOLDER/muster-ROLE.service, and nothing else. With --user-unit secrets belong into ~/.config/muster/ROLE.env, and the other commands need MUSTER_DATA=~/.local/state/muster; XDG_CONFIG_HOME and XDG_STATE_HOME change these places.",
    "Exit codes: 0 done, 1 it could not be written, or another unit is there, 2 the command line is wrong.",
  ],
  check: refuseOthers,
  run: async (line, _words, environment) => {
    const planned = plan(line, environment)
    const { force, install: installs, unitDir } = readFlags(flags, line, environment)
    if (!installs) {
      writeOut(planned.unit)
      if (planned.secrets.length > 0) {
        writeError(`Not in the unit, for ${planned.secretFile}: ${planned.secrets.join(", ")}\n`)
      }
      return exitCodes.done
    }
    if (planned.isUserUnit && unitDir === undefined) await makeFolder(planned.unitDir)
    const file = join(planned.unitDir, `${unitName(planned.role)}.service`)
    const written = await install(file, planned.unit, force)
    writeOut(`${said[written]} ${file}\n${await nextSteps(planned, written)}`)
    return exitCodes.done
  },
}

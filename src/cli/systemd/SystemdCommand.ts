import { fileVersion, readText, writeDurably } from "../../platform/DurableFile.ts"
import { writeError, writeOut } from "../../platform/Env.ts"
import { join } from "../../platform/Paths.ts"
import { startCommand } from "../../platform/SelfCommand.ts"
import type { Command } from "../Command.ts"
import { CommandFailed, exitCodes, UsageError } from "../Failure.ts"
import { type AnyFlag, choice, flag, optional, path, text, toggle, variableOf } from "../Flag.ts"
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
  unitDir: flag("unit-dir", path("FOLDER"), "Where --install writes it", "/etc/systemd/system"),
  force: toggle("force", "Replace a unit that is there and differs"),
  user: optional("user", userName, "The user it runs as (default: root)"),
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
  /** Variables to be set in the file of secrets. */
  readonly secrets: ReadonlyArray<string>
}

const plan = (line: Line, environment: Environment): Plan => {
  const values = readFlags(flags, line, environment)
  const { role, user } = values
  if (role === undefined) {
    throw new UsageError({ message: "--role is missing: give node or manager; muster systemd --help tells more" })
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
    unit: unitText({
      role,
      command: [...startCommand(), `--role=${role}`, ...open.flatMap(argumentOf)],
      data,
      reads,
      user,
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

const secretSteps = async ({ role, secrets }: Plan): Promise<ReadonlyArray<string>> => {
  if (secrets.length === 0) return []
  const file = environmentFile(role)
  const isThere = (await readText(file).catch(() => "")) !== undefined
  return [
    ...(isThere ? [] : [`install -D -m 600 /dev/null ${file}`]),
    `\${EDITOR:-nano} ${file}   # ${secrets.map((name) => `${name}=…`).join(" and ")}, a line each`,
  ]
}

const shellWord = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

/** A sandbox can't be made around a folder that is not there. */
const folderSteps = async ({ data, role, user }: Plan): Promise<ReadonlyArray<string>> => {
  if (role === "node" || stateDirectory(data) !== undefined || (await fileVersion(data)) !== undefined) return []
  return [`install -d ${user === undefined ? "" : `-o ${user} `}${shellWord(data)}`]
}

const nextSteps = async (planned: Plan, written: Written): Promise<string> => {
  const name = unitName(planned.role)
  const steps = [
    ...(await folderSteps(planned)),
    ...(await secretSteps(planned)),
    "systemctl daemon-reload",
    `systemctl enable --now ${name}`,
    ...(written === "replaced" ? [`systemctl restart ${name}   # when it ran before`] : []),
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
  ],
  notes: [
    "What is given of the role's flags, on the line or in their variables, is in the unit's command line. Secrets are not (--token, --gateway-token, a --database with a password): they belong into /etc/muster/ROLE.env, with mode 0600, as MUSTER_TOKEN=…",
    "Files: --install writes FOLDER/muster-ROLE.service, and nothing else.",
    "Exit codes: 0 done, 1 it could not be written, or another unit is there, 2 the command line is wrong.",
  ],
  check: refuseOthers,
  run: async (line, _words, environment) => {
    const planned = plan(line, environment)
    const { force, install: installs, unitDir } = readFlags(flags, line, environment)
    if (!installs) {
      writeOut(planned.unit)
      if (planned.secrets.length > 0) {
        writeError(`Not in the unit, for ${environmentFile(planned.role)}: ${planned.secrets.join(", ")}\n`)
      }
      return exitCodes.done
    }
    const file = join(unitDir, `${unitName(planned.role)}.service`)
    const written = await install(file, planned.unit, force)
    writeOut(`${said[written]} ${file}\n${await nextSteps(planned, written)}`)
    return exitCodes.done
  },
}

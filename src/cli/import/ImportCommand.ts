import { Result, Schema } from "effect"
import { commandText } from "../../domain/CommandLine.ts"
import { Port } from "../../domain/Endpoint.ts"
import { type CommandSpec, NamelessSpec } from "../../domain/ProcessSpec.ts"
import { confirm } from "../../platform/ConfigFile.ts"
import { writeError, writeOut } from "../../platform/Env.ts"
import { absolutePath } from "../../platform/Env.ts"
import { type ApiOptions, ask } from "../Api.ts"
import { command } from "../Command.ts"
import { CommandFailed, exitCodes, UsageError } from "../Failure.ts"
import { address, choice, optional, toggle } from "../Flag.ts"
import { dataFlag, jsonFlag, pageFlag } from "../SharedFlags.ts"
import { writeTable } from "../Table.ts"
import type { Imported, Program, SpecInput, Warning } from "./Program.ts"
import { kindOf, kinds, readImport } from "./Read.ts"

type Ports = ReadonlyMap<string, number>

const isPort = Schema.is(Port)

/** `web=8080,api=9000`. */
const ports = {
  placeholder: "NAME=PORT,…",
  read: (text: string): Ports | undefined => {
    const pairs = text.split(",").map((pair) => /^([^=]+)=(\d{1,5})$/.exec(pair.trim()))
    const found = pairs.flatMap((pair) => (pair === null ? [] : [[pair[1] ?? "", Number(pair[2])] as const]))
    return found.length === pairs.length && found.every(([, port]) => isPort(port)) ? new Map(found) : undefined
  },
  expected: "NAME=PORT, or several with commas between",
}

/** A service that is to be made. */
type Plan = { readonly name: string; readonly endpoints: ReadonlyArray<object>; readonly process: SpecInput }

const planOf = ({ name, spec }: Program, node: string | undefined, given: Ports): Plan => {
  const port = given.get(name)
  if (port === undefined) return { name, endpoints: [], process: { ...spec, nodes: node === undefined ? [] : [node] } }
  const endpoints = node === undefined ? [] : [{ ip: node, port, weight: 100, status: "online" }]
  return { name, endpoints, process: spec }
}

const decodeSpec = Schema.decodeUnknownResult(NamelessSpec)

/** What the manager would refuse is told before anything is made. */
const checked = ({ name, process }: Plan): CommandSpec => {
  const spec = decodeSpec(process)
  if (Result.isFailure(spec)) throw new UsageError({ message: `${name}: ${spec.failure.message}` })
  return spec.success as CommandSpec
}

const rowOf = (plan: Plan): ReadonlyArray<string> => {
  const { command, desired, instances, user } = checked(plan)
  const [endpoint] = plan.endpoints as ReadonlyArray<{ readonly port?: number }>
  return [
    plan.name,
    String(instances),
    user === "" ? "-" : user,
    String(endpoint?.port ?? "-"),
    desired,
    commandText(command),
  ]
}

const warningText = ({ key, message, program }: Warning) =>
  `${program === "" ? "" : `${program}: `}${key}: ${message}\n`

const show = (plans: ReadonlyArray<Plan>, { warnings }: Imported, json: boolean): void => {
  for (const plan of plans) checked(plan)
  if (json) return void writeOut(`${JSON.stringify({ services: plans, warnings })}\n`)
  writeTable(["SERVICE", "INSTANCES", "USER", "PORT", "DESIRED", "COMMAND"], plans.map(rowOf), { right: [1, 3] })
  if (warnings.length > 0)
    writeError(`Not carried over, or not as it was:\n${warnings.map((one) => `  ${warningText(one)}`).join("")}`)
}

const Named = Schema.Array(Schema.Struct({ name: Schema.String }))

const refuseTaken = async (plans: ReadonlyArray<Plan>, options: ApiOptions) => {
  const services = await ask(Named, { method: "GET", path: "/services" }, options)
  const taken = plans.filter(({ name }) => services.some((one) => one.name === name)).map(({ name }) => name)
  if (taken.length === 0) return
  const [those, are] = taken.length === 1 ? ["a service of that name", "is"] : ["services of those names", "are"]
  throw new CommandFailed({ message: `${taken.join(", ")}: there ${are} ${those} already; nothing was made` })
}

const make = async (plans: ReadonlyArray<Plan>, options: ApiOptions) => {
  await refuseTaken(plans, options)
  for (const [done, { endpoints, name, process }] of plans.entries()) {
    const path = `/services/${encodeURIComponent(name)}/process`
    try {
      await ask(Schema.Unknown, { method: "POST", path: "/services", body: { name, endpoints } }, options)
      await ask(Schema.Unknown, { method: "PUT", path, body: process }, options)
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      throw new CommandFailed({ message: `${name}: ${error.message} (${done} of ${plans.length} were made before)` })
    }
  }
}

const mayMake = async (plans: ReadonlyArray<Plan>, node: string): Promise<boolean> => {
  const count = plans.length === 1 ? "this service" : `these ${plans.length} services`
  const answer = await confirm(`Make ${count}, and run them on ${node}? [y/N] `)
  if (answer === undefined)
    throw new UsageError({ message: "nothing was made: --yes makes them, --dry-run only prints" })
  return answer
}

const refuseUnknown = (given: Ports, { programs }: Imported) => {
  const name = [...given.keys()].find((one) => programs.every((program) => program.name !== one))
  if (name === undefined) return
  const names = programs.map((program) => program.name).join(", ")
  throw new UsageError({ message: `--port names ${name}, but the programs are ${names}` })
}

export const importCommand = command({
  words: ["import"],
  summary: "make services of the programs of supervisord, PM2 or a Procfile",
  arguments: [
    { name: "FILE", about: "supervisord.conf, ecosystem.config.js (.cjs, .mjs, .json) or Procfile", kind: "one" },
  ],
  flags: {
    format: optional("format", choice(...kinds), "What the file is (default: by its name)"),
    node: optional("node", address, "The address of the node that is to run them; needed to make them"),
    port: optional("port", ports, "Where programs listen on that node; those that are not named listen nowhere"),
    yes: toggle("yes", "Make them without asking"),
    dryRun: toggle("dry-run", "Only print what would be made"),
    url: pageFlag,
    data: dataFlag,
    json: jsonFlag,
  },
  examples: [
    ["muster import /etc/supervisor/supervisord.conf --dry-run", "what would become of its programs"],
    ["muster import ecosystem.config.js --node 10.0.0.5 --port web=3000,api=4000", "make them, after a question"],
    ["muster import Procfile --node 10.0.0.5 --yes --json", "make them, for a script"],
  ],
  notes: [
    "What has no counterpart is told on stderr, with --json in `warnings`. Paths and users are those of the node.",
    "A configuration in JavaScript is run, as PM2 does. %(ENV_NAME)s of supervisord is the variable of this shell.",
    "Services that exist already are not touched: then nothing is made.",
    "Files: DATA/manager/cli-token lets this command in; DATA/ca/ca.pem verifies a page with HTTPS.",
    "Exit codes: 0 printed or made, 1 not made, or the manager refused, 2 the command line or the file is wrong.",
  ],
  run: async ({ data, dryRun, format, json, node, port = new Map<string, number>(), url, yes }, [file = ""]) => {
    const path = absolutePath(file)
    const kind = format ?? kindOf(path)
    if (kind === undefined)
      throw new UsageError({
        message: `${file} may be anything by its name: --format says what it is, ${kinds.join(", ")}`,
      })
    if (!dryRun && node === undefined)
      throw new UsageError({ message: "--node is missing: the address of the node that is to run them" })
    const imported = await readImport(path, kind)
    refuseUnknown(port, imported)
    const plans = imported.programs.map((program) => planOf(program, node, port))
    show(plans, imported, json)
    if (dryRun || node === undefined) return exitCodes.done
    if (!yes && !(await mayMake(plans, node))) return exitCodes.failed
    await make(plans, { url, dataDir: data })
    if (!json) writeOut(`${plans.length === 1 ? "1 service was" : `${plans.length} services were`} made\n`)
    return exitCodes.done
  },
})

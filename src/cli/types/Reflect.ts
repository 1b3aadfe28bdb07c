import { Option, Schema } from "effect"
import { connect } from "../../client/connect.ts"
import { MethodDescription } from "../../protocol/NodeManager.ts"
import type { MethodInfo } from "../../protocol/Reflection.ts"
import { faultLine } from "../call/CallFault.ts"
import { CommandFailed } from "../Failure.ts"
import { address, duration, flag, optional } from "../Flag.ts"
import { dataFlag } from "../SharedFlags.ts"

/** Of the commands that ask a service what it has. */
export const reflectFlags = {
  data: dataFlag,
  timeout: flag("timeout", duration, "How long the service may take; milliseconds when there is no unit", "2s"),
  node: optional("node", address, "Ask the endpoint of this address"),
}

export interface ReflectOptions {
  readonly data: string
  readonly timeout: number
  readonly node: string | undefined
}

const readMethods = Schema.decodeUnknownOption(Schema.Array(MethodDescription))

/** What a service says of its methods, in the order of their names. Rejects with CommandFailed. */
export const reflect = async (
  service: string,
  { data, node, timeout }: ReflectOptions,
): Promise<ReadonlyArray<MethodInfo>> => {
  const client = connect(service, { dataDir: data, timeoutMs: timeout, name: "muster", onFault: () => undefined })
  try {
    const methods = readMethods(await client.with({ ip: node }).call("methods"))
    if (Option.isSome(methods)) return methods.value.toSorted((one, other) => (one.name < other.name ? -1 : 1))
  } catch (error) {
    throw new CommandFailed({ message: faultLine(error).replace(/^muster: /, "") })
  } finally {
    client.close()
  }
  throw new CommandFailed({ message: `${service} does not describe its methods in a form that is known here` })
}

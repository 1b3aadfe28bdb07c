/** The same call from a shell: over the gateway of a node, and with the command line. */
export type CommandInput = {
  readonly service: string
  readonly method: string
  readonly args: ReadonlyArray<unknown>
  readonly timeoutMs: number
  /** Of one endpoint; undefined: wherever the client chooses. */
  readonly ip: string | undefined
  readonly stream: boolean
}

const plainWord = /^[\w@%+=:,./-]+$/

export const shellWord = (text: string): string =>
  plainWord.test(text) && !text.startsWith("-") ? text : `'${text.replaceAll("'", `'\\''`)}'`

/** A text that is no JSON stands for itself on the command line; everything else is JSON. */
const argumentWord = (value: unknown): string => {
  if (typeof value !== "string" || value === "" || value.startsWith("-")) return shellWord(JSON.stringify(value))
  try {
    JSON.parse(value)
    return shellWord(JSON.stringify(value))
  } catch {
    return shellWord(value)
  }
}

const duration = (ms: number) => (ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`)

export const curlCommand = ({ args, ip, method, service, stream, timeoutMs }: CommandInput): string =>
  [
    "curl",
    ...(stream ? ["-N", "-H", "'Accept: application/x-ndjson'"] : []),
    "-H",
    `'Muster-Timeout: ${duration(timeoutMs)}'`,
    ...(ip === undefined ? [] : ["-H", shellWord(`Muster-Node: ${ip}`)]),
    `http://127.0.0.1:8823/rpc/${encodeURIComponent(service)}/${encodeURIComponent(method)}`,
    "-d",
    shellWord(JSON.stringify(args)),
  ].join(" ")

export const musterCommand = ({ args, ip, method, service, stream, timeoutMs }: CommandInput): string =>
  [
    "muster call",
    ...(stream ? ["--stream"] : []),
    "--timeout",
    duration(timeoutMs),
    ...(ip === undefined ? [] : ["--node", ip]),
    service,
    method,
    ...args.map(argumentWord),
  ].join(" ")

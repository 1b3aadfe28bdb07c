/** Why a cron run went as it did, as its agent says it; read again by a page, to say it in the reader's language. */
export const runReasons = {
  agentEnded: "the agent ended while it ran",
  agentStopped: "the agent was stopped",
  outcomeUnknown: "it has ended; how is not known, as the agent that had started it was gone",
  overtaken: "the next run came before this one",
  replaced: "the next run has replaced it",
  stopped: "it was stopped",
  stoppedEarly: "it was stopped before it began",
  taken: "the task was taken from this node",
} as const

export const notOverWithin = (ms: number) => `not over within ${ms / 1_000} s`
export const notPushedHere = (service: string) =>
  `the service ${JSON.stringify(service)} was not pushed to this node: add the node to its clients and push`

export type RunReason =
  | { readonly key: keyof typeof runReasons }
  | { readonly key: "notOver"; readonly seconds: number }
  | { readonly key: "notPushed"; readonly service: string }

/** Undefined: it is in words of the program or of the operating system. */
export const readRunReason = (text: string): RunReason | undefined => {
  const found = Object.entries(runReasons).find(([, said]) => said === text)
  if (found !== undefined) return { key: found[0] as keyof typeof runReasons }
  const seconds = /^not over within ([\d.]+) s$/.exec(text)?.[1]
  if (seconds !== undefined) return { key: "notOver", seconds: Number(seconds) }
  const service = /^the service "([^"]+)" was not pushed to this node: /.exec(text)?.[1]
  return service === undefined ? undefined : { key: "notPushed", service }
}

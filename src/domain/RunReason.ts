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

/** Why a run that was due did not begin: `began`: of the run that went on. */
export const goesOnSince = (began: string) => `a run of ${began} still goes on`
export const manyWait = (count: number) => `${count} runs wait already`

export type RunReason =
  | { readonly key: keyof typeof runReasons }
  | { readonly key: "notOver"; readonly seconds: number }
  | { readonly key: "notPushed"; readonly service: string }
  | { readonly key: "goesOn" }
  | { readonly key: "manyWait"; readonly count: number }

/** Undefined: it is in words of the program or of the operating system. */
export const readRunReason = (text: string): RunReason | undefined => {
  const found = Object.entries(runReasons).find(([, said]) => said === text)
  if (found !== undefined) return { key: found[0] as keyof typeof runReasons }
  const seconds = /^not over within ([\d.]+) s$/.exec(text)?.[1]
  if (seconds !== undefined) return { key: "notOver", seconds: Number(seconds) }
  if (/^a run of \S+ still goes on$/.test(text)) return { key: "goesOn" }
  const count = /^(\d+) runs wait already$/.exec(text)?.[1]
  if (count !== undefined) return { key: "manyWait", count: Number(count) }
  const service = /^the service "([^"]+)" was not pushed to this node: /.exec(text)?.[1]
  return service === undefined ? undefined : { key: "notPushed", service }
}

import { join } from "node:path"
import { CallError, type Client, connect } from "../../src/client/index.ts"
import { Cluster, online } from "./cluster.ts"
import { root } from "./executable.ts"

/** Of each call: a worker can do 500 in a second. */
const computeMs = 2
const deadlineMs = 500
/** Load that is offered before anything is counted: the queues are full then. */
const rampMs = 1_500

export interface Offered {
  /** Calls per second that were offered, and that were answered in time. */
  readonly offered: number
  readonly answered: number
  /** Calls that were refused or dropped by the worker, and those that nobody answered within their time. */
  readonly refused: number
  readonly late: number
}

export interface OverloadReport {
  /** Calls per second with as many callers as keep the worker busy. */
  readonly peak: number
  readonly overload: Offered
  /** Share of the peak. */
  readonly goodput: number
  /** Runs of the handler under overload, those that began when the time was over, those whose answer nobody got. */
  readonly runs: number
  readonly runsInVain: number
  readonly runsUnanswered: number
}

interface Counts {
  readonly runs: number
  readonly runsInVain: number
}

class Tally {
  answered = 0
  /** Those of the ramp too. */
  answeredInAll = 0
  refused = 0
  late = 0
  begun = 0
  counting = false

  async call(client: Client): Promise<void> {
    const counts = this.counting
    if (counts) this.begun++
    const outcome = await client.call("compute", computeMs).then(
      () => "answered" as const,
      (error: unknown) => {
        if (!(error instanceof CallError)) throw error
        return error.executed === "no" ? ("refused" as const) : ("late" as const)
      },
    )
    if (counts) this[outcome]++
    if (outcome === "answered") this.answeredInAll++
  }
}

const closedLoop = async (client: Client, width: number, ms: number): Promise<number> => {
  const tally = new Tally()
  tally.counting = true
  const startedAt = performance.now()
  const caller = async () => {
    while (performance.now() - startedAt < ms) await tally.call(client)
  }
  await Promise.all(Array.from({ length: width }, caller))
  return (tally.answered / (performance.now() - startedAt)) * 1_000
}

const openLoop = async (client: Client, rate: number, ms: number): Promise<Tally> => {
  const tally = new Tally()
  const open = new Set<Promise<void>>()
  const startedAt = performance.now()
  let begun = 0
  for (let time = 0; time < rampMs + ms; time = performance.now() - startedAt) {
    tally.counting = time > rampMs
    for (; begun < (time / 1_000) * rate; begun++) {
      const call = tally.call(client).finally(() => open.delete(call))
      open.add(call)
    }
    await Bun.sleep(1)
  }
  await Promise.all(open)
  return tally
}

export interface OverloadOptions {
  /** The first three parts of the addresses that are used. */
  readonly net: string
  /** Times the peak. */
  readonly factor: number
  readonly ms: number
  /** The command that runs manager, agent and worker. */
  readonly within?: ReadonlyArray<string>
}

/** Offers a worker of a real agent several times what it can do, and counts what comes of it. */
export const overloadWorker = async ({ factor, ms, net, within }: OverloadOptions): Promise<OverloadReport> => {
  await using cluster = new Cluster(`${net}.1`, "executable", [], within)
  await cluster.ready()
  const agent = await cluster.join(`${net}.100`)
  const module = join(root, "test/flows/modules/work.ts")
  await cluster.greeter("work", [online(agent.ip, 9100)], { module, workers: 1 })
  const client = connect("work", { dataDir: agent.data, timeoutMs: deadlineMs })
  const counts = () => client.with({ timeoutMs: 20_000 }).call<Counts>("counts")
  try {
    await closedLoop(client, 8, 500)
    const peak = await closedLoop(client, 8, ms / 2)
    const before = await counts()
    const tally = await openLoop(client, peak * factor, ms)
    const after = await counts()
    const perSecond = (calls: number) => (calls / ms) * 1_000
    const runs = after.runs - before.runs
    return {
      peak,
      overload: {
        offered: perSecond(tally.begun),
        answered: perSecond(tally.answered),
        refused: perSecond(tally.refused),
        late: perSecond(tally.late),
      },
      goodput: perSecond(tally.answered) / peak,
      runs,
      runsInVain: after.runsInVain - before.runsInVain,
      runsUnanswered: runs - tally.answeredInAll,
    }
  } finally {
    client.close()
  }
}

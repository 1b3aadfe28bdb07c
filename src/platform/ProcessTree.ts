import { constants } from "node:os"
import process from "node:process"
import {
  type ProcessIdentity,
  processRow,
  type ProcessRow,
  ProcessTable,
  treeOf,
  type TreeOptions,
} from "./ProcessTable.ts"

export type Signal = "SIGTERM" | "SIGINT" | "SIGQUIT" | "SIGHUP" | "SIGUSR1" | "SIGUSR2" | "SIGKILL"

/** The identity of a process that runs now; undefined when none has this pid. */
export const identityOf = (pid: number): ProcessIdentity | undefined => processRow(pid)?.identity

/** Whether that very process still runs; one that ended and was not yet reaped does not. */
export const isAlive = (identity: ProcessIdentity): boolean => {
  const row = processRow(identity.pid)
  return row !== undefined && !row.hasEnded && row.is(identity)
}

const send = (pid: number, signal: Signal): boolean => {
  try {
    // By number: the names that a runtime knows are not all.
    process.kill(pid, constants.signals[signal])
    return true
  } catch {
    return false
  }
}

/** Signals a process only when it is the one that is meant. */
export const signalProcess = (identity: ProcessIdentity, signal: Signal): boolean =>
  isAlive(identity) && send(identity.pid, signal)

const pauseMs = { first: 5, longest: 50 }

/**
 * A process that we, or an agent before us, have started as the leader of a session, with all that it has started:
 * what left it and its session too, as long as that was seen here or carries the mark of the run.
 */
export class ProcessTree {
  readonly root: ProcessIdentity
  #mark: Pick<TreeOptions, "run" | "uid">
  #known: ReadonlyArray<ProcessRow> = []

  /** `mark`: what MUSTER_RUN says in it, and by whom it runs; left out: it carries none. */
  constructor(root: ProcessIdentity, mark: Pick<TreeOptions, "run" | "uid"> = {}) {
    this.root = root
    this.#mark = mark
  }

  /** By whom it runs: those of others are not told by their mark. */
  runsAs(uid: number | undefined): void {
    if (uid !== undefined) this.#mark = { ...this.#mark, uid }
  }

  /** What of it runs, the root first; cheap. To be called now and then, so that what leaves it later is known. */
  look(table: ProcessTable = ProcessTable.read()): ReadonlyArray<ProcessRow> {
    this.#known = treeOf(table, this.root, { known: this.#known })
    return this.#known
  }

  /** The same with those that only their mark tells. */
  sweep(): ReadonlyArray<ProcessRow> {
    this.#known = treeOf(ProcessTable.read(), this.root, { ...this.#mark, known: this.#known })
    return this.#known
  }

  /** To the root's process group; false: nothing of that runs. */
  signalGroup(signal: Signal): boolean {
    return this.look().some(this.#isInGroup) && send(-this.root.pid, signal)
  }

  /** To some of it. */
  signalEach(rows: ReadonlyArray<ProcessRow>, signal: Signal): void {
    for (const row of rows) signalProcess(row.identity, signal)
  }

  readonly #isInGroup = ({ group }: ProcessRow) => group === this.root.pid

  /** To all of it; false: nothing of it runs. */
  signal(signal: Signal): boolean {
    const rows = this.sweep()
    // Its group at once, so that none of it sees another end first, and none is forked in between.
    if (rows.some(this.#isInGroup)) send(-this.root.pid, signal)
    this.signalEach(
      rows.filter((row) => !this.#isInGroup(row)),
      signal,
    )
    return rows.length > 0
  }

  /** Kills all of it, and answers what is left after `withinMs`: what the kernel does not let go. */
  async end(withinMs: number): Promise<ReadonlyArray<ProcessRow>> {
    const until = performance.now() + withinMs
    for (let pause = pauseMs.first; ; pause = Math.min(pause * 2, pauseMs.longest)) {
      if (!this.signal("SIGKILL")) return []
      await new Promise((resolve) => setTimeout(resolve, pause))
      if (performance.now() > until) return this.sweep()
    }
  }
}

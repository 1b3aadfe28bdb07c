import { Effect } from "effect"
import type { CommandSpec, StopSignal } from "../../domain/ProcessSpec.ts"
import type { ProcessRow } from "../../platform/ProcessTable.ts"
import type { ProcessTree, Signal } from "../../platform/ProcessTree.ts"
import { monotonicMs } from "../Monotonic.ts"

/** What an instance that has ended by itself leaves behind gets at most this long to end too. */
const leftoversMs = 5_000
/** The kernel may need so long to end what was killed. */
const killMs = 10_000
const lookMs = 50
const toldMax = 3

export const signalOf = (signal: StopSignal): Signal => `SIG${signal}`

/** `pid 4711 (nginx), pid 4712 (nginx)`. */
const namesOf = (rows: ReadonlyArray<ProcessRow>) => {
  const told = rows.slice(0, toldMax).map((row) => `pid ${row.pid} (${row.command.slice(0, 80)})`)
  return `${told.join(", ")}${rows.length > told.length ? `, and ${rows.length - told.length} more` : ""}`
}

export type EndOptions = {
  readonly tree: ProcessTree
  readonly spec: Pick<CommandSpec, "stopSignal" | "drainTimeoutMs">
  /** It was asked to end: what it has started may take as long as it itself. */
  readonly wasAsked: () => boolean
  /** Processes that have heard the stop signal: many programs end at once when they hear it twice. */
  readonly asked: ReadonlyArray<ProcessRow>
  /** Nothing of it may go on. */
  readonly isKilled: () => boolean
}

/**
 * The leader has ended: sees to it that nothing of its tree is left, first by the stop signal, then by force. Answers
 * what the kernel does not let go, for a person; undefined: nothing is left.
 */
export const endTree = Effect.fnUntraced(function* ({ asked, isKilled, spec, tree, wasAsked }: EndOptions) {
  const others = isKilled() ? [] : tree.sweep()
  if (others.length > 0) {
    const hasHeard = ({ pid, startTime }: ProcessRow) =>
      asked.some((one) => one.pid === pid && one.startTime === startTime)
    tree.signalEach(
      others.filter((row) => !hasHeard(row)),
      signalOf(spec.stopSignal),
    )
    const begun = yield* monotonicMs
    const allowedMs = () =>
      isKilled() ? 0 : wasAsked() ? spec.drainTimeoutMs : Math.min(leftoversMs, spec.drainTimeoutMs)
    while (tree.sweep().length > 0 && (yield* monotonicMs) - begun < allowedMs()) yield* Effect.sleep(lookMs)
  }
  const left = yield* Effect.promise(() => tree.end(killMs))
  return left.length === 0 ? undefined : `${namesOf(left)} can't be ended`
})

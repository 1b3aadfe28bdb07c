import { Option, Schema } from "effect"
import { guardReason } from "./Guard.ts"

/** GuardVerdict, as it comes over the wire. */
export const Verdict = Schema.Union([
  Schema.TaggedStruct("Pass", {}),
  Schema.TaggedStruct("Empty", {}),
  Schema.TaggedStruct("LastOnline", {}),
  Schema.TaggedStruct("Loss", { lost: Schema.Int, of: Schema.Int }),
])

/**
 * What stands in the way of a delivery, a connection or a process, for a page to say in the reader's language. `detail`
 * is what a program or the operating system said, in its own words.
 */
export const Problem = Schema.Union([
  Schema.TaggedStruct("NotJoined", { ip: Schema.String }),
  Schema.TaggedStruct("NotReachedYet", {}),
  Schema.TaggedStruct("NoConnection", { at: Schema.String, detail: Schema.String }),
  /** The node was asked and did not answer in time. */
  Schema.TaggedStruct("NoAnswer", {}),
  Schema.TaggedStruct("OtherNode", { at: Schema.String, nodeId: Schema.String }),
  /** The node's own guard objects. */
  Schema.TaggedStruct("Guarded", { verdict: Verdict }),
  /** The node has a revision that this manager never released. */
  Schema.TaggedStruct("Ahead", { revision: Schema.Int, newest: Schema.Int }),
  Schema.TaggedStruct("ManagerFailed", {}),
  Schema.TaggedStruct("Refused", { detail: Schema.String }),
  Schema.TaggedStruct("OtherPort", { port: Schema.Int }),
  Schema.TaggedStruct("NothingThere", {}),
  /** The node was revoked. */
  Schema.TaggedStruct("NodeGone", {}),
  /** Nothing that is to run was pushed to the node yet. */
  Schema.TaggedStruct("NoSpec", {}),
  /** What is stopped is not restarted. */
  Schema.TaggedStruct("IsStopped", {}),
  /** Another reload took its place. */
  Schema.TaggedStruct("Superseded", {}),
  /** What it is not started before, in the agent's words. */
  Schema.TaggedStruct("WaitsFor", { what: Schema.String }),
  Schema.TaggedStruct("StillStopping", { pids: Schema.Array(Schema.Int) }),
  Schema.TaggedStruct("SomeNotReady", { unready: Schema.Int, of: Schema.Int }),
  Schema.TaggedStruct("InState", {
    state: Schema.Literals(["STOPPED", "STARTING", "RUNNING", "BACKOFF", "STOPPING", "EXITED", "FATAL"]),
  }),
  Schema.TaggedStruct("Exited", { code: Schema.Int }),
  Schema.TaggedStruct("Killed", { signal: Schema.String }),
  Schema.TaggedStruct("NotReady", { seconds: Schema.Finite }),
  Schema.TaggedStruct("Said", { detail: Schema.String }),
])
export type Problem = typeof Problem.Type

/** Those with nothing in them. */
const fixed = {
  NotReachedYet: "The first connection is not up yet",
  NoAnswer: "The node did not answer in time",
  ManagerFailed: "The manager failed: see its log",
  NothingThere: "Its node runs nothing there",
  NodeGone: "The node does not belong to the cluster any more",
  NoSpec: "No spec was pushed to this node yet",
  IsStopped: "It is stopped: start it instead",
  Superseded: "Another reload took its place",
} as const satisfies { readonly [Tag in Problem["_tag"]]?: string }

type Fixed = Extract<Problem, { _tag: keyof typeof fixed }>
const isFixed = (problem: Problem): problem is Fixed => Object.hasOwn(fixed, problem._tag)

/** For logs, the API and the command line. */
export const problemSentence = (problem: Problem): string => {
  if (isFixed(problem)) return fixed[problem._tag]
  switch (problem._tag) {
    case "NotJoined":
      return `No node with the address ${problem.ip} has joined`
    case "NoConnection":
      return `No connection to ${problem.at}: ${problem.detail}`
    case "OtherNode":
      return `${problem.at} says it is node ${problem.nodeId}`
    case "Guarded":
      return `The node's guard refuses it: ${guardReason(problem.verdict)}`
    case "Ahead":
      return `The node has revision ${problem.revision}, but ${problem.newest === 0 ? "none was" : `${problem.newest} is the newest that was`} released: was the manager's database put back to an older state?`
    case "OtherPort":
      return `The agent there listens on port ${problem.port}`
    case "WaitsFor":
      return problem.what
    case "StillStopping":
      return `still stopping: pid ${problem.pids.join(", ")}`
    case "SomeNotReady":
      return `${problem.unready} of ${problem.of} not ready yet`
    default:
      return processSentence(problem)
  }
}

type OfProcess = Extract<Problem, { _tag: "InState" | "Exited" | "Killed" | "NotReady" | "Said" | "Refused" }>

const processSentence = (problem: OfProcess): string => {
  switch (problem._tag) {
    case "InState":
      return problem.state.toLowerCase()
    case "Exited":
      return `exited with code ${problem.code}`
    case "Killed":
      return `killed by ${problem.signal}`
    case "NotReady":
      return `not ready within ${problem.seconds} s`
    default:
      return problem.detail
  }
}

/** What an agent says of a process: its own sentences, or the words of the program. */
export const processProblem = (reason: string): Problem => {
  const code = /^exited with code (\d+)$/.exec(reason)?.[1]
  if (code !== undefined) return { _tag: "Exited", code: Number(code) }
  const signal = /^killed by (SIG\w+)$/.exec(reason)?.[1]
  if (signal !== undefined) return { _tag: "Killed", signal }
  const seconds = /^not ready within ([\d.]+) s$/.exec(reason)?.[1]
  return seconds === undefined ? { _tag: "Said", detail: reason } : { _tag: "NotReady", seconds: Number(seconds) }
}

const decodeText = Schema.decodeUnknownOption(Schema.fromJsonString(Problem))

/** As one text, to be stored. */
export const writeProblem = (problem: Problem): string => JSON.stringify(problem)
export const readProblem = (text: string): Problem =>
  Option.getOrElse(decodeText(text), (): Problem => ({ _tag: "Said", detail: text }))

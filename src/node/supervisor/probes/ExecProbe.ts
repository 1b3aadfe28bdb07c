import { Effect, Exit as EffectExit, Option } from "effect"
import { type CommandLine, commandText } from "../../../domain/CommandLine.ts"
import type { ProbeAnswer } from "../../../domain/ProbeState.ts"
import type { ProcessAssignment, ProcessSpec } from "../../../domain/ProcessSpec.ts"
import type { Child } from "../../../platform/ChildProcess.ts"
import { randomHex } from "../../../platform/Ids.ts"
import { dirname } from "../../../platform/Paths.ts"
import { type ProgramOptions, spawnProgram } from "../../../platform/Program.ts"
import { openScratch, type Scratch } from "../../../platform/ScratchFile.ts"
import type { Exit } from "../../../platform/StartProcess.ts"
import { badAnswer, faultText } from "./Asking.ts"

export type ExecAsk = {
  readonly command: CommandLine
  readonly timeoutMs: number
  readonly assignment: ProcessAssignment
  readonly slot: number
  /** Of the process that is asked: the program finds it as MUSTER_PID, and its place as MUSTER_SLOT. */
  readonly pid: number
  /** Where it may put what the program says. */
  readonly folder: string
  readonly entry?: string | undefined
}

const outputBytesMax = 4_096
const lineCharsMax = 200
/** How long the kernel may take to end what was killed. */
const endMs = 2_000

/** As the process itself is run. */
const runAs = (spec: ProcessSpec): Pick<ProgramOptions, "cwd" | "env" | "envFile" | "group" | "umask" | "user"> => {
  const { env, envFile } = spec
  if (spec.kind === "module") return { env: { NODE_ENV: "production", ...env }, envFile, cwd: dirname(spec.module) }
  const { cwd, group, umask, user } = spec
  return { env, envFile, cwd, user, group, umask }
}

const endText = ({ code, signal }: Exit) => (signal === null ? `exit code ${code ?? 0}` : `killed by ${signal}`)

const lastLine = (output: string) => {
  const line = output.trimEnd().split("\n").at(-1)?.trim() ?? ""
  return line === "" ? "" : `: ${line.slice(0, lineCharsMax)}`
}

/** Good: the program exits with 0. One that takes too long is killed, with all that it has started. */
export const askExec = (o: ExecAsk): Effect.Effect<ProbeAnswer> => {
  const { assignment, command, entry, folder, pid, slot, timeoutMs } = o
  const whom = commandText(command)
  const { env, ...as } = runAs(assignment.spec)

  const spawn = ({ fd }: Scratch) =>
    Effect.tryPromise({
      try: () =>
        spawnProgram({
          ...as,
          command,
          env: { ...env, MUSTER_PID: `${pid}`, MUSTER_SLOT: `${slot}` },
          out: fd,
          err: fd,
          run: `probe/${assignment.name}/${slot}/${randomHex(8)}`,
          entry,
        }),
      catch: faultText,
    })

  const wait = (child: Child) =>
    Effect.callback<Exit>((resume) => child.onExit((exit) => resume(Effect.succeed(exit)))).pipe(
      Effect.timeoutOption(timeoutMs),
    )

  const end = (child: Child, done: EffectExit.Exit<Option.Option<Exit>>) =>
    EffectExit.isSuccess(done) && Option.isSome(done.value)
      ? // What it has left behind must not pile up.
        Effect.sync(() => void child.tree.signalGroup("SIGKILL"))
      : Effect.promise(() => child.tree.end(endMs))

  const use = (scratch: Scratch) =>
    Effect.acquireUseRelease(spawn(scratch), wait, end).pipe(
      Effect.map(
        Option.match({
          onNone: () => ({ ok: false, text: `${whom}: did not end within ${timeoutMs} ms, and was killed` }),
          onSome: (exit) => ({
            ok: exit.code === 0,
            text: `${endText(exit)} from ${whom}${lastLine(scratch.read(outputBytesMax))}`,
          }),
        }),
      ),
    )

  return Effect.acquireUseRelease(Effect.try({ try: () => openScratch(folder), catch: faultText }), use, (scratch) =>
    Effect.sync(scratch.close),
  ).pipe(badAnswer(whom))
}

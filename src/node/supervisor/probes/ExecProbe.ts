import { type CommandLine, commandText } from "../../../domain/CommandLine.ts"
import type { ProcessAssignment, ProcessSpec } from "../../../domain/ProcessSpec.ts"
import { randomHex } from "../../../platform/Ids.ts"
import { dirname } from "../../../platform/Paths.ts"
import { type ProgramOptions, spawnProgram } from "../../../platform/Program.ts"
import { openScratch } from "../../../platform/ScratchFile.ts"
import type { Exit } from "../../../platform/StartProcess.ts"
import { asking } from "./Asking.ts"

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
export const askExec = (o: ExecAsk) => {
  const { assignment, command, entry, folder, pid, slot, timeoutMs } = o
  const whom = commandText(command)
  return asking(whom, async (signal) => {
    const scratch = openScratch(folder)
    try {
      const { env, ...as } = runAs(assignment.spec)
      const child = await spawnProgram({
        ...as,
        command,
        env: { ...env, MUSTER_PID: `${pid}`, MUSTER_SLOT: `${slot}` },
        out: scratch.fd,
        err: scratch.fd,
        run: `probe/${assignment.name}/${slot}/${randomHex(8)}`,
        entry,
      })
      const exit = await new Promise<Exit | undefined>((resolve) => {
        const late = setTimeout(() => resolve(undefined), timeoutMs)
        const give = (how: Exit | undefined) => {
          clearTimeout(late)
          resolve(how)
        }
        child.onExit(give)
        signal.addEventListener("abort", () => give(undefined))
        if (signal.aborted) give(undefined)
      })
      if (exit === undefined) {
        await child.tree.end(endMs)
        return { ok: false, text: `${whom}: did not end within ${timeoutMs} ms, and was killed` }
      }
      // What it has left behind must not pile up.
      child.tree.signalGroup("SIGKILL")
      return { ok: exit.code === 0, text: `${endText(exit)} from ${whom}${lastLine(scratch.read(outputBytesMax))}` }
    } finally {
      scratch.close()
    }
  })
}

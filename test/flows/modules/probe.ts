import { writeFileSync } from "node:fs"

/** Which worker answered. */
export const who = () => ({ pid: process.pid })

/** Answers after `ms`, without using the CPU. Touches the file `mark` when it begins. */
export const work = async (ms: number, mark?: string) => {
  if (mark !== undefined) writeFileSync(mark, "")
  await new Promise((resolve) => setTimeout(resolve, ms))
  return process.pid
}

export class TestService {
  static test(...args: ReadonlyArray<unknown>) {
    return { args, pid: process.pid }
  }
}

export const fail = () => {
  throw new Error("this method always fails")
}

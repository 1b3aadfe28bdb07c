import { task } from "muster/service"

/** Queues work that fails at once, and for good. */
export const later = (file: string) => task("resize", { file }, { attemptsMax: 1 })

export const tasks = {
  resize: (payload: unknown) => {
    throw new Error(`no space left for ${(payload as { file: string }).file}`)
  },
}

import { spawnSync } from "node:child_process"

/** Starts `count` programs that sleep for so long, and leaves them without a parent. */
export const leave = (count: number, seconds: string) => {
  spawnSync("sh", ["-c", `for nth in $(seq ${count}); do (sleep ${seconds} &); done`], { stdio: "ignore" })
  return count
}

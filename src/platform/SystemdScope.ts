import { spawnSync } from "node:child_process"
import type { CgroupPlace } from "./Cgroup.ts"
import { findProgram } from "./FindProgram.ts"
import { inheritedEnv } from "./InheritedEnv.ts"
import { join } from "./Paths.ts"

/** It answers in milliseconds. */
const answerMs = 10_000
const path = "/usr/bin:/bin:/usr/local/bin"

/** A group of systemd's beside that of the unit which we are. */
export type Scope = {
  /** `muster-0123456789ab.scope` */
  readonly name: string
  readonly folder: string
  /** The unit that stops before it. */
  readonly unit: string
  readonly slice: string
  /** Of the systemd of a user. */
  readonly isUser: boolean
}

/** undefined: we are no service of systemd, or in a group below its own. */
export const scopeBeside = ({ mount, own }: CgroupPlace, name: string): Scope | undefined => {
  const parts = /^(.*\/([^/]+\.slice))\/([^/]+\.service)$/.exec(own)
  if (parts === null) return undefined
  const [, parent = "", slice = "", unit = ""] = parts
  return { name, folder: join(mount, parent, name), unit, slice, isUser: own.includes("/user@") }
}

/**
 * Makes the scope, with a process in it that holds it open and does nothing. Throws what systemd says. It blocks: what
 * waits for it could not go on anyway.
 */
export const startScope = ({ isUser, name, slice, unit }: Scope): void => {
  const args = [
    ...(isUser ? ["--user"] : []),
    "--scope",
    "--quiet",
    "--collect",
    "--no-ask-password",
    `--unit=${name}`,
    `--slice=${slice}`,
    // At the end of the host it would be killed beside the agent that wants to let its services' calls end.
    `--property=Before=${unit}`,
    // As the unit's.
    "--property=Delegate=yes",
    "--property=TasksMax=infinity",
    "--description=Muster: processes that have limits",
    "/bin/sh",
    "-c",
    "exec sleep infinity </dev/null >/dev/null 2>&1 &",
  ]
  const { error, status, stderr } = spawnSync(findProgram("systemd-run", { cwd: "/", path }), args, {
    cwd: "/",
    env: inheritedEnv(),
    stdio: ["ignore", "ignore", "pipe"],
    timeout: answerMs,
    encoding: "utf8",
  })
  if (error !== undefined) throw new Error(`systemd-run: ${error.message}`, { cause: error })
  if (status !== 0) throw new Error(`systemd-run: ${stderr.trim() === "" ? `exit code ${status}` : stderr.trim()}`)
}

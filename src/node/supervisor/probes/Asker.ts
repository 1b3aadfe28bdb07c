import { Effect } from "effect"
import { usesTls } from "../../../domain/Loopback.ts"
import type { Probe } from "../../../domain/Probe.ts"
import type { ProbeAnswer } from "../../../domain/ProbeState.ts"
import type { ProcessAssignment } from "../../../domain/ProcessSpec.ts"
import { readTls } from "../../../platform/WorkerHost.ts"
import { pingSocketPath } from "../../../protocol/WorkerLink.ts"
import { askExec } from "./ExecProbe.ts"
import { askHttp, askRpc, askTcp } from "./NetProbes.ts"

/** What of the node a probe needs. */
export type AskerOptions = {
  /** Of the data folder: the node's certificate, and the agent's socket. */
  readonly tlsFolder: string
  readonly socket: { readonly folder: string; readonly path: string }
  /** Whom the node's certificates name. */
  readonly certificateName: string
  readonly entry?: string | undefined
}

/** Which process is asked. */
export type Asked = { readonly assignment: ProcessAssignment; readonly slot: number; readonly pid: number }

/** An address that means all of this host's is reached at the loopback's. */
const reachable = (ip: string) => (ip === "0.0.0.0" ? "127.0.0.1" : ip === "::" ? "::1" : ip)

const hostOf = (probe: Exclude<Probe, { kind: "exec" }>, { listen }: ProcessAssignment) =>
  ("host" in probe ? probe.host : undefined) ?? reachable(listen?.ip ?? "127.0.0.1")

const noPort: ProbeAnswer = {
  ok: false,
  text: "the probe names no port, and the service listens nowhere: give it a port",
}

/** How a process is asked by a probe. */
export const makeAsker = (o: AskerOptions) => {
  const tls = () => ({ ...readTls(o.tlsFolder), expectedName: o.certificateName })
  const askPing = (host: string, port: number, { spec }: ProcessAssignment, timeoutMs: number) => {
    const isPrivate = usesTls(spec.kind === "module" ? spec.tls : "auto", host)
    return askRpc({ to: { host, port }, timeoutMs, ...(isPrivate ? { tls } : {}) })
  }

  return (probe: Probe, { assignment, pid, slot }: Asked): Effect.Effect<ProbeAnswer> => {
    const { timeoutMs } = probe
    if (probe.kind === "exec")
      return askExec({
        command: probe.command,
        timeoutMs,
        assignment,
        slot,
        pid,
        folder: o.socket.folder,
        entry: o.entry,
      })
    // On its port any worker of the set may answer.
    if (probe.kind === "rpc" && probe.port === 0 && assignment.spec.kind === "module")
      return askRpc({ to: { path: pingSocketPath(o.socket.path, pid) }, timeoutMs })
    const host = hostOf(probe, assignment)
    const port = probe.port === 0 ? assignment.listen?.port : probe.port
    if (port === undefined) return Effect.succeed(noPort)
    if (probe.kind === "http") return askHttp({ host, port, path: probe.path, timeoutMs })
    return probe.kind === "tcp" ? askTcp({ host, port, timeoutMs }) : askPing(host, port, assignment, timeoutMs)
  }
}

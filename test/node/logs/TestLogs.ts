import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { Clock, Effect, Layer, Logger, ManagedRuntime } from "effect"
import type { ProcessAssignment } from "../../../src/domain/ProcessSpec.ts"
import { defaultRunSettings, type RunSettings } from "../../../src/domain/RunSetting.ts"
import { dataFolder } from "../../../src/node/DataFolder.ts"
import { EachSecond } from "../../../src/node/EachSecond.ts"
import { Logs } from "../../../src/node/logs/Logs.ts"
import { NodeChanges } from "../../../src/node/NodeChanges.ts"
import { Notices } from "../../../src/node/Notices.ts"
import { Pipes } from "../../../src/node/Pipes.ts"
import { AgentSocket } from "../../../src/node/supervisor/AgentSocket.ts"
import { temporaryFolder } from "../../support/muster.ts"
import { assignment } from "../TestNode.ts"

export const set = (name: string, run: Partial<RunSettings> = {}, id = name): ProcessAssignment => ({
  ...assignment({ ip: "127.44.3.1", port: 9000 }, "/none.ts", { run: { ...defaultRunSettings, ...run } }),
  name,
  id,
})

/** The logs of an agent, alone: real pipes, real files, real processes. */
export class TestLogs {
  readonly said: Array<string> = []
  readonly #folder = temporaryFolder("muster-logs-")
  readonly #runtime
  #shiftMs = 0
  /** Whoever asks for the time goes on only so much later, as others have their turn in between. */
  heldUpMs = 0

  constructor() {
    const folder = dataFolder(this.#folder.path)
    mkdirSync(folder.socket.folder, { recursive: true })
    const logger = Logger.make(({ message }) => void this.said.push(String(message)))
    this.#runtime = ManagedRuntime.make(
      Logs.layer(folder).pipe(
        Layer.provide([Pipes.layer(folder), EachSecond.layer]),
        Layer.provide(Layer.succeed(AgentSocket, { path: folder.socket.path })),
        Layer.provideMerge(Notices.layer.pipe(Layer.provide(NodeChanges.layer))),
        Layer.provideMerge(Logger.layer([logger])),
        Layer.provideMerge(
          Layer.effect(
            Clock.Clock,
            Effect.map(Clock.Clock, (real) => this.#wall(real)),
          ),
        ),
      ),
    )
  }

  /** Somebody puts the host's clock forward, or back. */
  putClock(byMs: number) {
    this.#shiftMs += byMs
  }

  #wall(real: Clock.Clock): Clock.Clock {
    return Object.assign(Object.create(real), {
      currentTimeMillisUnsafe: () => real.currentTimeMillisUnsafe() + this.#shiftMs,
      currentTimeMillis: Effect.sync(() => real.currentTimeMillisUnsafe() + this.#shiftMs).pipe(
        Effect.tap(() => (this.heldUpMs === 0 ? Effect.void : Effect.promise(() => Bun.sleep(this.heldUpMs)))),
      ),
    }) as Clock.Clock
  }

  logs<A>(use: (logs: Logs["Service"]) => A) {
    return this.#runtime.runPromise(Effect.map(Logs, use))
  }

  run<A, E>(use: (logs: Logs["Service"]) => Effect.Effect<A, E>) {
    return this.#runtime.runPromise(Effect.flatMap(Logs, use))
  }

  notices() {
    return this.#runtime.runPromise(Effect.flatMap(Notices, (notices) => notices.all))
  }

  assign(...sets: ReadonlyArray<ProcessAssignment>) {
    return this.run((logs) => logs.assign(sets))
  }

  async start(name: string, script: string, place = "0") {
    const sink = await this.logs((logs) => logs.sink(name, place))
    const child = spawn("sh", ["-c", script], { stdio: ["ignore", sink.out, sink.err] })
    sink.close()
    return { child, ended: once(child, "exit") }
  }

  path(...parts: ReadonlyArray<string>) {
    return join(this.#folder.path, "logs", ...parts)
  }

  end() {
    return this.#runtime.dispose()
  }

  async [Symbol.asyncDispose]() {
    await this.end()
    this.#folder[Symbol.dispose]()
  }
}

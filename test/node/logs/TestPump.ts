import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { Pump } from "../../../src/node/logs/Pump.ts"
import { Fifos } from "../../../src/platform/Fifo.ts"
import { temporaryFolder } from "../../support/muster.ts"

export const setName = "greeter@9000"

/** Pipes and log files in a folder of their own, and a pump that a test turns by hand. */
export class TestPump {
  limits = { maxBytes: 64 * 1024, maxAgeMs: 0 }
  rotations = 0
  /** Process sets of which lines have come, each time. */
  readonly came: Array<string> = []
  readonly #folder = temporaryFolder("muster-logs-")
  readonly pump: Pump

  private constructor(fifos: Fifos) {
    mkdirSync(this.pipes)
    this.pump = new Pump({
      fifos,
      make: (path) => fifos.make(path),
      pipes: this.pipes,
      folderOf: (name) => join(this.logs, name),
      limitsOf: () => this.limits,
      rotated: () => void this.rotations++,
      came: (name) => void this.came.push(name),
    })
  }

  static async make() {
    return new TestPump(await Fifos.load())
  }

  get pipes() {
    return join(this.#folder.path, "run")
  }

  get logs() {
    return join(this.#folder.path, "logs")
  }

  get folder() {
    return join(this.logs, setName)
  }

  path(name: string) {
    return join(this.folder, name)
  }

  /** The names of the files of one output, oldest first, the one that is written to last. */
  files(base = "0.out") {
    return filesOf(this.folder, base)
  }

  text(base = "0.out") {
    return textOf(this.folder, base)
  }

  /** Turns until nothing comes any more. */
  drain(now = Date.now()) {
    while (this.pump.turn(now) > 0);
  }

  [Symbol.dispose]() {
    this.pump.close()
    this.#folder[Symbol.dispose]()
  }
}

export const filesOf = (folder: string, base: string) => {
  const names = readdirSync(folder).filter((name) => name.startsWith(`${base}.`) && /\.log(\.gz)?$/.test(name))
  const current = `${base}.log`
  return [...names.filter((name) => name !== current).toSorted(), ...names.filter((name) => name === current)]
}

export const textOf = (folder: string, base: string) =>
  filesOf(folder, base)
    .map((name) => {
      const bytes = readFileSync(join(folder, name))
      return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8")
    })
    .join("")

/** A shell's loop: `line 1 …` to `line n …`, each of about 50 bytes. */
export const printLines = (count: number) =>
  `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo "line $i of what a service has to say while it works"; done`

export const expectedLines = (count: number) =>
  Array.from({ length: count }, (_, index) => `line ${index + 1} of what a service has to say while it works\n`).join(
    "",
  )

import type { Fifos } from "../../platform/Fifo.ts"
import { closeDescriptor, namesIn, renameFile } from "../../platform/LogFile.ts"
import { join } from "../../platform/Paths.ts"
import { type Output, outputKey, pipeName, readPipeName, streamNames } from "./LogNames.ts"
import { LogWriter, type RotationLimits, type WriterFailure } from "./LogWriter.ts"

/** Where a process that is to be started writes to: descriptors of ours, which the child inherits. */
export type Sink = {
  readonly out: number
  readonly err: number
  /** To be called when the child has them. */
  readonly close: () => void
}

export type PumpOptions = {
  readonly fifos: Fifos
  /** Makes a pipe where none is. */
  readonly make: (path: string) => void
  /** Where the named pipes are: they outlive an agent. */
  readonly pipes: string
  /** The log folder of a process set. */
  readonly folderOf: (name: string) => string
  readonly limitsOf: (name: string) => RotationLimits
  /** A file of this process set was put aside. */
  readonly rotated: (name: string) => void
  /** Lines of this process set have come. */
  readonly came: (name: string) => void
}

type Flow = {
  readonly name: string
  readonly output: Output
  readonly path: string
  readonly fd: number
  readonly writer: LogWriter
}

/** Moves what all processes of a node say from their pipes to their files. */
export class Pump {
  readonly #options: PumpOptions
  readonly #flows = new Map<string, Flow>()
  #order: ReadonlyArray<Flow> = []

  constructor(options: PumpOptions) {
    this.#options = options
  }

  /** Takes up the pipes of processes that an agent before this one has started. */
  adopt(now: number): void {
    for (const file of namesIn(this.#options.pipes)) {
      const read = readPipeName(file)
      if (read !== undefined) this.#flow(read.name, read).writer.prepare(now)
    }
  }

  /** Both workers of a slot that is being reloaded write to the same pipes: lines of up to 4 KiB stay whole. */
  sink(name: string, place: string): Sink {
    const fds: Array<number> = []
    const close = () => {
      for (const fd of fds.splice(0)) closeDescriptor(fd)
    }
    try {
      for (const stream of streamNames)
        fds.push(this.#options.fifos.openWriter(this.#flow(name, { place, stream }).path))
    } catch (error) {
      close()
      throw error
    }
    const [out = -1, err = -1] = fds
    return { out, err, close }
  }

  /** One look at all pipes. Gives how many bytes were taken. */
  turn(now: number): number {
    const { fifos } = this.#options
    if (!fifos.poll()) return 0
    const came = new Set<string>()
    const gone: Array<Flow> = []
    let taken = 0
    for (const [index, flow] of this.#order.entries()) {
      const { hasBytes, isEnded } = fifos.readiness(index)
      const bytes = hasBytes ? flow.writer.take(flow.fd, now) : 0
      taken += bytes
      if (bytes > 0) came.add(flow.name)
      // One that could not write all of it stays, to say so when it can.
      if (isEnded && !hasBytes && flow.writer.failure === undefined) gone.push(flow)
    }
    for (const flow of gone) this.#leave(flow)
    for (const name of came) this.#options.came(name)
    return taken
  }

  settle(now: number): void {
    for (const { writer } of this.#order) writer.settle(now)
  }

  /** The processes of a set go on under another name, and so do their pipes. false: some of that name are there already. */
  rename(from: string, to: string): boolean {
    if (this.#order.some(({ name }) => name === to)) return false
    for (const [key, flow] of this.#flows) {
      if (flow.name !== from) continue
      flow.writer.close()
      this.#flows.delete(key)
      const { output } = flow
      const path = join(this.#options.pipes, pipeName(to, output))
      renameFile(flow.path, path)
      this.#flows.set(`${to} ${outputKey(output)}`, { ...flow, name: to, path, writer: this.#writer(to, output) })
    }
    this.#arrange()
    return true
  }

  /** What can't be written, by process set: the first reason of each. */
  failures(): ReadonlyMap<string, WriterFailure> {
    const all = new Map<string, WriterFailure>()
    for (const { name, writer } of this.#order)
      if (writer.failure !== undefined && !all.has(name)) all.set(name, writer.failure)
    return all
  }

  close(): void {
    for (const { fd, writer } of this.#order) {
      writer.close()
      closeDescriptor(fd)
    }
    this.#flows.clear()
    this.#arrange()
  }

  #flow(name: string, output: Output): Flow {
    const key = `${name} ${outputKey(output)}`
    const known = this.#flows.get(key)
    if (known !== undefined) return known
    const { fifos, make, pipes } = this.#options
    const path = join(pipes, pipeName(name, output))
    make(path)
    const { place, stream } = output
    const writer = this.#writer(name, output)
    const flow = { name, output: { place, stream }, path, fd: fifos.openReader(path), writer }
    this.#flows.set(key, flow)
    this.#arrange()
    return flow
  }

  #writer(name: string, output: Output): LogWriter {
    const { fifos, folderOf, limitsOf, rotated } = this.#options
    return new LogWriter({
      folder: folderOf(name),
      output,
      fifos,
      limits: () => limitsOf(name),
      rotated: () => rotated(name),
    })
  }

  /** The last process that could write to it has ended. */
  #leave(flow: Flow): void {
    const { fifos } = this.#options
    flow.writer.close()
    fifos.closeEnded(flow.fd)
    fifos.remove(flow.path)
    for (const [key, one] of this.#flows) if (one === flow) this.#flows.delete(key)
    this.#arrange()
  }

  #arrange(): void {
    this.#order = [...this.#flows.values()]
    this.#options.fifos.watch(this.#order.map(({ fd }) => fd))
  }
}

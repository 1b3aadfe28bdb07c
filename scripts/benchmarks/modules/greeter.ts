/** What every protocol of the comparison answers. */
export class Greeter {
  static hello(name: string) {
    return `hello ${name}`
  }
}

/** From now on this worker's event loop stands still for half of each second, without using its CPU. */
export const block = () => {
  setInterval(() => Bun.sleepSync(500), 1_000)
  return process.pid
}

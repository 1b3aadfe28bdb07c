// A service module: everything it exports can be called. Set up a service named "greeter" with this file's path, push
// its endpoint list, then: muster call greeter hello 世界
import { pid } from "node:process"

/** A function is a method by its own name. It may also be async; what it throws reaches the caller. */
export const hello = (name: string) => `Hello, ${name}! Process ${pid} says so.`

/** A generator answers with a stream: muster call --stream greeter ticks 3 */
export async function* ticks(count = 10) {
  for (let tick = 1; tick <= count; tick++) {
    yield { tick, pid }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** An object's functions, and a class's static ones, are called as Greeter.helloMany or Greeter::helloMany. */
export const Greeter = {
  helloMany: (names: ReadonlyArray<string>) => names.map(hello),
}

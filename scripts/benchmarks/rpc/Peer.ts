import { createRequire } from "node:module"

/** The same answer behind every protocol that is compared. */
export const hello = (name: unknown): string => `hello ${String(name)}`

/** One protocol: its server, and a client that calls it over and over. */
export interface Peer {
  /** Answers the port. */
  serve(): Promise<number>
  /** Opens what `width` callers at once need; each call of the result is one call to the server. */
  dial(port: number, width: number): Promise<{ call(): Promise<unknown>; close(): void }>
}

/** A package of scripts/benchmarks/package.json, which the project itself doesn't know. */
export const loadPackage = <A>(name: string): A => createRequire(import.meta.url)(name) as A

import { Schema } from "effect"
import { Address } from "../../src/domain/Endpoint.ts"
import type { AddClientsModel } from "../ViewModels.ts"
import { type Fields, text, texts } from "./Fields.ts"

const isAddress = Schema.is(Address)

type Checked =
  | { readonly ips: ReadonlyArray<string>; readonly error?: never }
  | { readonly ips?: never; readonly error: NonNullable<AddClientsModel["error"]> }

/** The addresses of the form: one a line (commas and spaces part them too), and the nodes that were chosen. */
export const checkClients = (fields: Fields, known: ReadonlyArray<string>): Checked => {
  const typed = text(fields, "ips").split(/[\s,;]+/)
  const ips = [...typed, ...texts(fields, "ip")].filter((ip) => ip !== "")
  if (ips.length === 0) return { error: { kind: "empty" } }
  const seen = new Set<string>()
  for (const ip of ips) {
    if (!isAddress(ip)) return { error: { kind: "address", ip } }
    if (known.includes(ip)) return { error: { kind: "known", ip } }
    if (seen.has(ip)) return { error: { kind: "twice", ip } }
    seen.add(ip)
  }
  return { ips }
}

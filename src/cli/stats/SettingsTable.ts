import { rpcSettings } from "../../domain/Setting.ts"
import { outColumns } from "../../platform/Env.ts"
import * as numbers from "../Numbers.ts"
import { table } from "../Table.ts"
import type { EndpointStats, Look, Settings } from "./Figures.ts"

/** What each endpoint's workers are set to: one table for all endpoints that agree. */
export const settingsText = ({ endpoints }: Look): string => {
  const groups = Map.groupBy(endpoints.filter(answered), ({ settings }) => JSON.stringify(settings))
  const blocks = [...groups.values()].map((group) => [
    group.map(({ endpoint }) => endpoint).join(", "),
    "",
    ...settingsTable(group[0]?.settings),
    "",
  ])
  const silent = endpoints.flatMap((one) => ("error" in one ? [`${one.endpoint} has not answered: ${one.error}`] : []))
  return [...blocks.flat(), ...silent.map((line) => `${line}\n`)].join("\n")
}

const answered = (one: EndpointStats): one is Extract<EndpointStats, { stats: unknown }> => "stats" in one

const settingsTable = (settings: Settings | undefined): ReadonlyArray<string> => {
  if (settings === undefined) return ["It does not say what it is set to: an older version runs there"]
  const rows = Object.entries(settings).map(([name, value]) => [name, shown(name, value), note(name, value)])
  return table([["SETTING", "VALUE", "DEFAULT"], ...rows], { right: [1], width: outColumns() })
}

const known = (name: string) =>
  Object.hasOwn(rpcSettings, name) ? rpcSettings[name as keyof typeof rpcSettings] : undefined

const shown = (name: string, value: unknown): string => {
  if (typeof value !== "number") return JSON.stringify(value)
  const setting = known(name)
  if (value === 0 && setting !== undefined && "zero" in setting) return setting.zero
  const unit = setting?.unit ?? (name.endsWith("Ms") ? "ms" : "count")
  return unit === "ms" ? numbers.duration(value) : unit === "bytes" ? binary(value) : numbers.count(value)
}

/** As the page's form writes it: `64 KiB`, `2 MiB`. */
const binary = (bytes: number): string => {
  const power = bytes === 0 ? 0 : ([3, 2, 1].find((exponent) => bytes % 1_024 ** exponent === 0) ?? 0)
  return `${numbers.count(bytes / 1_024 ** power)} ${["B", "KiB", "MiB", "GiB"][power]}`
}

/** The default, where it is another one. */
const note = (name: string, value: unknown): string => {
  const setting = known(name)
  return setting === undefined || setting.default === value ? "" : shown(name, setting.default)
}

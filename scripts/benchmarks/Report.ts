import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"

/** What is asked of a figure, and what it was. */
export interface Target {
  readonly name: string
  readonly want: string
  readonly got: number
  readonly met: boolean
}

const rounded = (value: number) => Number(value.toPrecision(3))

export const atLeast = (name: string, least: number, got: number): Target => ({
  name,
  want: `>= ${least}`,
  got: rounded(got),
  met: got >= least,
})

export const atMost = (name: string, most: number, got: number): Target => ({
  name,
  want: `<= ${most}`,
  got: rounded(got),
  met: got <= most,
})

export const median = (numbers: ReadonlyArray<number>): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]]
  return sorted.length % 2 === 1 ? high : (low + high) / 2
}

/** One line of a table: the first cell to the left, the others to the right. */
export const row = (first: string, ...cells: ReadonlyArray<string | number | undefined>): string =>
  first.padEnd(26) + cells.map((cell) => String(cell ?? "").padStart(13)).join("")

export const fixed = (value: number, digits: number): string => (Number.isFinite(value) ? value.toFixed(digits) : "")

const cpuTicks = () => {
  const fields = (readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "").trim().split(/\s+/).slice(1).map(Number)
  const [idle = 0, waiting = 0] = fields.slice(3, 5)
  return { all: fields.reduce((sum, ticks) => sum + ticks, 0), idle: idle + waiting }
}

/** The share of all CPUs that other programs use at this moment, 0 to 1: what a figure of this run must be read with. */
export const busyNow = async (): Promise<number> => {
  const before = cpuTicks()
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const after = cpuTicks()
  return 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all)
}

export const machine = (): Readonly<Record<string, string | number>> => ({
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  bun: Bun.version,
})

export const printTargets = (targets: ReadonlyArray<Target>): void => {
  for (const { got, met, name, want } of targets)
    console.log(`${met ? "met    " : "NOT MET"}  ${name.padEnd(66)} ${String(got).padStart(8)}  want ${want}`)
}

/** Writes `results/NAME.json`; the last line of the output is the same in short, for a program. */
export const report = (bench: string, targets: ReadonlyArray<Target>, details: object): void => {
  const folder = join(import.meta.dirname, "results")
  mkdirSync(folder, { recursive: true })
  const all = { bench, at: new Date().toISOString(), machine: machine(), targets, ...details }
  writeFileSync(join(folder, `${bench}.json`), `${JSON.stringify(all, null, 2)}\n`)
  console.log(`\n${JSON.stringify({ bench, targets })}`)
}

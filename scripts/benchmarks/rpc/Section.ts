import type { Target } from "../Report.ts"
import type { Rounds } from "./Contest.ts"

/** One part of the comparison, which can be run alone. */
export interface Section {
  readonly name: string
  /** One line. */
  readonly about: string
  run(options: Rounds): Promise<SectionResult>
}

export interface SectionResult {
  /** What was measured, for a person to read. */
  readonly lines: ReadonlyArray<string>
  readonly targets: ReadonlyArray<Target>
  /** Every figure, for the file. */
  readonly details: object
}

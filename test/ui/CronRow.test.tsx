import { expect, test } from "bun:test"
import type { CronTaskView } from "../../src/domain/CronView.ts"
import { CronRow } from "../../ui/pages/cron/CronRow.tsx"
import { render } from "../../ui/Render.ts"
import { contextOf } from "../support/galleryFixtures.ts"
import { report, run } from "../support/galleryCron.ts"

const page = contextOf("en", "light")
const textOf = (rest: Partial<CronTaskView>) =>
  render(<CronRow page={page} task={{ ...report, ...rest }} />)
    .replaceAll(/<[^>]+>/g, " ")
    .replaceAll(/\s+/g, " ")

test("a task that runs is said to run, also when a later run was skipped for it", () => {
  const skipped = run(1, { state: "skipped", startedAt: null })
  expect(textOf({ last: skipped, running: 1 })).toMatch(/Running · Skipped \S* ?1 hr\. ago/)
  expect(textOf({ last: skipped, running: 2 })).toContain("Running 2 running")
  expect(textOf({ last: skipped, running: 0 })).toMatch(/Skipped (?!·)[^S]*1 hr\. ago/)
  expect(textOf({ last: run(1, { state: "running", endedAt: null }), running: 1 })).toMatch(/Running 1:00:00/)
  expect(textOf({ last: null, running: 1 })).toContain("Running")
})

import { type CronOutputView, type CronRunView, type CronTaskView, runAt } from "../../../src/domain/CronView.ts"
import { PageHead } from "../../layout/PageHead.tsx"
import { Shell } from "../../layout/Shell.tsx"
import { Callout } from "../../parts/Field.tsx"
import { formatBytes } from "../../parts/Format.ts"
import { LocalTime, Time } from "../../parts/Time.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext } from "../../ViewModels.ts"
import { causeText, exitText, StopButton } from "./CronRuns.tsx"
import { reasonText } from "./RunReason.ts"
import { RunDuration, RunStatus } from "./RunStatus.tsx"

/** What a run has printed, or why that can't be told. */
export type OutputModel = CronOutputView | "away" | "gone"

type Props = { page: PageContext; task: CronTaskView; run: CronRunView; output: OutputModel }

/** One run: how it went, and what it printed. */
export const OutputPage = ({ page, task, run, output }: Props) => {
  const { cron, nav } = page.t
  const crumbs = [
    { label: nav.cron, href: paths.cron },
    { label: task.name, href: paths.cronTask(task.id) },
  ]
  return (
    <Shell page={page} title={cron.output} crumbs={crumbs}>
      <PageHead
        title={cron.outputOf(task.name)}
        beside={<RunStatus page={page} state={run.state} />}
        subtitle={<Facts page={page} run={run} />}
        actions={run.state === "running" ? <StopButton page={page} taskId={task.id} run={run} /> : undefined}
      />
      <section class="card" aria-label={cron.output} {...(run.state === "running" ? follow(task, run) : {})}>
        <Output page={page} run={run} output={output} />
      </section>
    </Shell>
  )
}

/** What it prints comes by asking the node again, until an answer says that it has ended. */
const follow = (task: CronTaskView, run: CronRunView) => ({
  "hx-get": paths.cronRun(task.id, run.id),
  "hx-trigger": "every 2s",
  "hx-target": "#main",
  "hx-select": "#main",
  "hx-swap": "outerMorph",
})

const Facts = ({ page, run }: Pick<Props, "page" | "run">) => {
  const parts = [causeText(page, run), run.nodeName, reasonText(page, run) ?? exitText(page, run)]
  return (
    <>
      <LocalTime page={page} at={runAt(run)} /> (<Time page={page} at={runAt(run)} />) ·{" "}
      <RunDuration page={page} run={run} />
      {parts.filter((part) => part !== null).map((part) => ` · ${part}`)}
    </>
  )
}

const Output = ({ page, run, output }: Omit<Props, "task">) => {
  const { cron } = page.t
  if (output === "away" || output === "gone")
    return (
      <div class="card-note">
        <Callout tone="warn">
          <p>{output === "away" ? cron.outputAway(run.nodeName) : cron.outputGone}</p>
        </Callout>
      </div>
    )
  const { head, omitted, tail } = output
  if (head === "" && tail === "") return <p class="card-note quiet">{cron.noOutput}</p>
  // What a run that failed, or that still runs, has said last is what one wants to see.
  const fromEnd = run.state === "ok" ? {} : { "data-from-end": "" }
  const size = (part: string) => formatBytes(page.lang, new TextEncoder().encode(part).length)
  return (
    <div class="card-note">
      <pre class="code code-tall" tabindex={0} role="group" aria-label={cron.output} {...fromEnd}>
        {omitted === 0 ? (
          <code>{head + tail}</code>
        ) : (
          <code>
            <span class="code-mark">{cron.firstPart(size(head))}</span>
            {head}
            <span class="code-mark">
              {cron.omitted(formatBytes(page.lang, omitted))} · {cron.lastPart(size(tail))}
            </span>
            {tail}
          </code>
        )}
      </pre>
    </div>
  )
}

import { commandText } from "../../../src/domain/CommandLine.ts"
import type { CronTaskView } from "../../../src/domain/CronView.ts"
import { timeText } from "../../forms/CronFields.ts"
import { Time } from "../../parts/Time.tsx"
import type { PageContext } from "../../ViewModels.ts"
import type { Child } from "hono/jsx"
import { Next } from "./CronRow.tsx"
import { scheduleWords } from "./ScheduleWords.ts"

type Props = { page: PageContext; task: CronTaskView }

/** `#cron-facts`: what the task is, in a few lines. */
export const CronFacts = ({ page, task }: Props) => {
  const { column, cron } = page.t
  const { facts } = cron
  const { name, ip } = task.node
  return (
    <section id="cron-facts" class="card" aria-label={facts.title}>
      <dl class="fact-list">
        <Fact name={cron.next}>
          <Next page={page} task={task} />
        </Fact>
        <Fact name={cron.schedule}>
          <ScheduleFact page={page} task={task} />
        </Fact>
        <Fact name={column.node}>
          {name ?? ip} {name !== null && <span class="quiet mono">{ip}</span>}
        </Fact>
        <ActionFacts page={page} task={task} />
        <Fact name={facts.overlap}>{cron.overlap[task.overlap]}</Fact>
        <Fact name={facts.missed}>{cron.missed[task.missed]}</Fact>
        <Fact name={facts.timeout}>{task.timeoutMs === 0 ? facts.timeoutNone : timeText(task.timeoutMs)}</Fact>
        <Fact name={facts.retries}>
          {task.retries === 0 ? facts.retriesNone : facts.retriesOf(task.retries, timeText(task.retryDelayMs))}
        </Fact>
        {task.jitterMs > 0 && <Fact name={facts.jitter}>{facts.jitterUpTo(timeText(task.jitterMs))}</Fact>}
        <Fact name={facts.keep}>{facts.keepOf(task.keepRuns, timeText(task.keepMs))}</Fact>
        <Fact name={facts.changed}>
          <Time page={page} at={task.modifiedAt} /> <span class="quiet">{page.t.services.by(task.modifiedBy)}</span>
        </Fact>
      </dl>
    </section>
  )
}

const Fact = ({ name, wide = false, children }: { name: string; wide?: boolean; children?: Child }) => (
  <div class={wide ? "fact fact-wide" : "fact"}>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)

const ScheduleFact = ({ page, task }: Props) => {
  const { expression, words, zone } = scheduleWords(page, task.schedule)
  const isRaw = expression === null && zone !== null
  return (
    <>
      {isRaw ? <code>{words}</code> : words} {expression !== null && <code class="quiet">{expression}</code>}{" "}
      {zone !== null && <span class="quiet">{zone}</span>}
    </>
  )
}

const ActionFacts = ({ page, task: { action } }: Props) => {
  const { facts } = page.t.cron
  if (action.kind === "method")
    return (
      <Fact name={facts.method} wide>
        <code class="break">{`${action.service} ${action.method}(${action.args.map((one) => JSON.stringify(one)).join(", ")})`}</code>
      </Fact>
    )
  const names = Object.keys(action.env)
  return (
    <>
      <Fact name={"shell" in action.command ? facts.shell : facts.command} wide>
        <pre class="fact-code" tabindex={0}>
          <code>{commandText(action.command)}</code>
        </pre>
      </Fact>
      <Fact name={facts.user}>{action.user === "" ? <span class="quiet">{facts.userAgent}</span> : action.user}</Fact>
      {action.cwd !== undefined && (
        <Fact name={facts.workingDirectory}>
          <code class="break">{action.cwd}</code>
        </Fact>
      )}
      {names.length > 0 && (
        <Fact name={facts.environment}>
          <code class="break">{names.join(" ")}</code>
        </Fact>
      )}
    </>
  )
}

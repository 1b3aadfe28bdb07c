import { type CronRunsView, type CronRunView, type CronTaskView, runAt } from "../../../src/domain/CronView.ts"
import { Empty } from "../../parts/Empty.tsx"
import { formatAbsolute, formatRelative } from "../../parts/Format.ts"
import { paths } from "../../Paths.ts"
import type { PageContext } from "../../ViewModels.ts"
import { reasonText } from "./RunReason.ts"
import { RunDuration, RunStatus } from "./RunStatus.tsx"

type Props = { page: PageContext; task: CronTaskView; view: CronRunsView; before: string | undefined }

/**
 * `#cron-runs`: the history, the newest first. Older pages stand still: their element has another name, so that the
 * stream, which brings the newest ones, passes them by.
 */
export const CronRuns = ({ page, task, view, before }: Props) => {
  const { cron } = page.t
  return (
    <section id={before === undefined ? "cron-runs" : "cron-runs-older"} class="card" aria-label={cron.runs}>
      <header class="card-head">
        <h2>{cron.runs}</h2>
        {view.total > 0 && <span class="quiet small">{cron.total(view.total)}</span>}
      </header>
      {view.runs.length === 0 ? (
        <Empty icon="clock" title={cron.noRuns} help={cron.noRunsHelp} />
      ) : (
        <Table page={page} task={task} view={view} />
      )}
      <Pager page={page} task={task} view={view} before={before} />
    </section>
  )
}

const Pager = ({ page, task, view, before }: Props) => {
  const oldest = view.runs.findLast(({ endedAt }) => endedAt !== null)
  if (before === undefined && !view.more) return null
  return (
    <footer class="card-foot pager">
      {before !== undefined && (
        <a class="button button-small" href={paths.cronTask(task.id)}>
          {page.t.cron.newest}
        </a>
      )}
      {view.more && oldest !== undefined && (
        <a class="button button-small" href={paths.olderRuns(task.id, oldest.id)}>
          {page.t.cron.older}
        </a>
      )}
    </footer>
  )
}

const Table = ({ page, task, view }: Omit<Props, "before">) => {
  const { column, cron } = page.t
  return (
    <div class="table-wrap" tabindex={0} role="group" aria-label={cron.runs}>
      <table class="table table-fixed table-hover table-runs">
        <colgroup>
          <col class="width-state" />
          <col class="width-began" />
          <col class="width-figure" />
          <col class="width-worker" />
          <col class="width-workers" />
          <col />
          <col class="width-action" />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">{column.status}</th>
            <th scope="col">{cron.began}</th>
            <th scope="col" class="number">
              {cron.took}
            </th>
            <th scope="col">{cron.why}</th>
            <th scope="col">{column.node}</th>
            <th scope="col">{column.reason}</th>
            <th scope="col">
              <span class="hidden">{column.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {view.runs.map((run) => (
            <Row page={page} task={task} run={run} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** Why it began, and by whom. */
export const causeText = ({ t: { cron } }: PageContext, { attempt, by, cause }: CronRunView): string =>
  [
    cron.cause[cause],
    ...(cause === "manual" && by !== null ? [cron.byWhom(by)] : []),
    ...(attempt > 1 ? [cron.attempt(attempt)] : []),
  ].join(" ")

export const exitText = ({ t: { cron } }: PageContext, { exitCode, signal }: CronRunView): string | null =>
  signal ?? (exitCode === null ? null : cron.exitCode(exitCode))

/** A run's id as a part of an element's id, whatever a node takes for one. */
const idOf = (id: string) =>
  `run-${id.replaceAll(/[^A-Za-z0-9-]/g, (sign) => `_${sign.codePointAt(0)?.toString(16)}_`)}`

const Row = ({ page, task, run }: { page: PageContext; task: CronTaskView; run: CronRunView }) => {
  const { cron } = page.t
  const when = formatAbsolute(page.lang, runAt(run))
  // That it ended well with 0 is no news.
  const why = reasonText(page, run) ?? (run.state === "ok" ? null : exitText(page, run))
  return (
    <tr id={idOf(run.id)}>
      <td>
        <RunStatus page={page} state={run.state} />
      </td>
      <td class="nowrap">
        <time
          datetime={new Date(runAt(run)).toISOString()}
          title={formatRelative(page.lang, runAt(run), page.now)}
          data-local=""
        >
          {when}
        </time>
      </td>
      <td class="number">
        <RunDuration page={page} run={run} />
      </td>
      <td class="cut quiet">{causeText(page, run)}</td>
      <td class="cut">{run.nodeName}</td>
      <td title={why ?? undefined}>
        <span class={`reason ${run.state === "failed" || run.state === "timeout" ? "bad" : "quiet"}`}>{why}</span>
      </td>
      <td class="actions">
        {run.startedAt !== null && (
          <a
            class="button button-small button-row"
            href={paths.cronRun(task.id, run.id)}
            aria-label={cron.outputAt(when)}
          >
            {cron.output}
          </a>
        )}
        {run.state === "running" && <StopButton page={page} taskId={task.id} run={run} />}
      </td>
    </tr>
  )
}

export const StopButton = ({ page, taskId, run }: { page: PageContext; taskId: string; run: CronRunView }) => {
  const { cron } = page.t
  return (
    <button
      type="button"
      class="button button-small"
      hx-post={paths.stopCronRun(taskId, run.id)}
      hx-confirm={cron.stopTitle}
      data-confirm-help={cron.stopHelp}
      data-confirm-yes={cron.stop}
      data-confirm-danger=""
      aria-label={cron.stopOf(formatAbsolute(page.lang, runAt(run)))}
    >
      {cron.stop}
    </button>
  )
}

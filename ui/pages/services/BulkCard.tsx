import { Bar } from "../../parts/Bar.tsx"
import { Icon } from "../../parts/Icon.tsx"
import { Status, type Tone } from "../../parts/Status.tsx"
import { paths } from "../../Paths.ts"
import type { BulkJob } from "../../ProcessModels.ts"
import type { PageContext } from "../../ViewModels.ts"

type State = BulkJob["services"][number]["state"]
type Props = { page: PageContext; job: BulkJob }

const tones: Readonly<Record<State, Tone>> = {
  queued: "off",
  running: "info",
  done: "ok",
  failed: "bad",
  kept: "off",
  pending: "warn",
}

/** `#bulk-job`: an action on several services while it runs, and what came of each until it is closed. */
export const BulkCard = ({ page, job }: { page: PageContext; job: BulkJob | null }) =>
  job === null ? <div id="bulk-job" hidden></div> : <Job page={page} job={job} />

const Job = ({ page, job }: Props) => {
  const { bulk, deed, push } = page.t
  const count = (...states: ReadonlyArray<State>) => job.services.filter(({ state }) => states.includes(state)).length
  const [done, failed] = [count("done", "kept"), count("failed", "pending")]
  const over = done + failed
  const isRunning = job.endedAt === null
  return (
    <section
      id="bulk-job"
      class={`card job job-${isRunning ? "running" : failed > 0 ? "bad" : "ok"}`}
      aria-label={bulk.label}
    >
      <div class="job-main">
        <p class="job-title" role="status">
          {isRunning ? (
            <span class="spinner" aria-hidden="true"></span>
          ) : (
            <Icon name={failed > 0 ? "alert" : "ok"} tone={failed > 0 ? "bad" : "ok"} />
          )}
          <b>{isRunning ? bulk.running[job.action] : bulk.finished[job.action]}</b>{" "}
          <span class="quiet">{deed.by(job.by)}</span>
        </p>
        <Bar
          label={push.of(over, job.services.length)}
          parts={[
            { tone: "ok", count: done },
            { tone: "bad", count: failed },
            { tone: "rest", count: job.services.length - over },
          ]}
        />
        <ul class="bulk-results">
          {job.services.map(({ id, name, reason, state }) => (
            <li>
              <a class="row-link" href={paths.tab(id, "process")}>
                {name}
              </a>{" "}
              <Status tone={tones[state]}>{bulk.state[state]}</Status>
              {reason !== null && <span class={state === "failed" ? "bad" : "quiet"}>{reason}</span>}
            </li>
          ))}
        </ul>
      </div>
      <div class="job-actions">
        <span class="job-number">{push.of(over, job.services.length)}</span>
        {!isRunning && (
          <button type="button" class="button button-small" hx-delete={paths.bulk}>
            {page.t.action.close}
          </button>
        )}
      </div>
    </section>
  )
}

import type { Child, PropsWithChildren } from "hono/jsx"
import type { BulkJob, PageContext } from "../ViewModels.ts"
import { Bar } from "./Bar.tsx"
import { Icon } from "./Icon.tsx"
import { Status, type Tone } from "./Status.tsx"

type State = BulkJob["items"][number]["state"]
type Props = PropsWithChildren<{
  page: PageContext
  job: BulkJob
  /** DELETE closes the job. */
  path: string
  label: string
  title: string
  /** Where an item is; undefined: it has no page. */
  linkOf: (id: string) => string | undefined
}>

const tones: Readonly<Record<State, Tone>> = {
  queued: "off",
  running: "info",
  done: "ok",
  failed: "bad",
  kept: "off",
  pending: "warn",
}

export const countItems = (job: BulkJob, ...states: ReadonlyArray<State>) =>
  job.items.filter(({ state }) => states.includes(state)).length

/** What went wrong is read first, once nothing moves any more. */
const ordered = ({ endedAt, items }: BulkJob) =>
  endedAt === null ? items : items.toSorted((a, b) => Number(b.state === "failed") - Number(a.state === "failed"))

/** `#bulk-job` while there is none. */
export const NoBulkCard = () => <div id="bulk-job" hidden></div>

/** `#bulk-job`: an action on several rows of a list while it runs, and what came of each until it is closed. */
export const BulkCard = ({ children, job, label, linkOf, page, path, title }: Props) => {
  const { bulk, deed, push } = page.t
  const [done, failed] = [countItems(job, "done", "kept"), countItems(job, "failed", "pending")]
  const over = done + failed
  const isRunning = job.endedAt === null
  return (
    <section
      id="bulk-job"
      class={`card job job-${isRunning ? "running" : failed > 0 ? "bad" : "ok"}`}
      aria-label={label}
    >
      <div class="job-main">
        <p class="job-title" role="status">
          {isRunning ? (
            <span class="spinner" aria-hidden="true"></span>
          ) : (
            <Icon name={failed > 0 ? "alert" : "ok"} tone={failed > 0 ? "bad" : "ok"} />
          )}
          <b>{title}</b> <span class="quiet">{deed.by(job.by)}</span>
        </p>
        <Bar
          label={push.of(over, job.items.length)}
          parts={[
            { tone: "ok", count: done },
            { tone: "bad", count: failed },
            { tone: "rest", count: job.items.length - over },
          ]}
        />
        <ul class="bulk-results" tabindex={0} aria-label={label}>
          {ordered(job).map(({ id, name, reason, state }) => (
            <li>
              <Name href={linkOf(id)}>{name}</Name> <Status tone={tones[state]}>{bulk.state[state]}</Status>
              {reason !== null && <span class={state === "failed" ? "bad" : "quiet"}>{reason}</span>}
            </li>
          ))}
        </ul>
      </div>
      <div class="job-actions">
        <span class="job-number">{push.of(over, job.items.length)}</span>
        {!isRunning && children}
        {!isRunning && (
          <button type="button" class="button button-small" hx-delete={path}>
            {page.t.action.close}
          </button>
        )}
      </div>
    </section>
  )
}

const Name = ({ children, href }: { children?: Child; href: string | undefined }) =>
  href === undefined ? (
    <span class="bulk-name">{children}</span>
  ) : (
    <a class="row-link bulk-name" href={href}>
      {children}
    </a>
  )

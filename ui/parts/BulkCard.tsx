import type { Child, PropsWithChildren } from "hono/jsx"
import type { BulkJob, PageContext } from "../ViewModels.ts"
import { Bar } from "./Bar.tsx"
import { Icon } from "./Icon.tsx"
import { Status, type Tone } from "./Status.tsx"
import { Toast } from "./Toast.tsx"

type State = BulkJob["items"][number]["state"]

/** What is said of the actions on one list. */
export type BulkWords<Action extends string> = {
  readonly label: string
  readonly begun: (count: number) => string
  readonly running: Readonly<Record<Action, string>>
  readonly finished: Readonly<Record<Action, (done: number, total: number) => string>>
}

type Props<Action extends string> = PropsWithChildren<{
  page: PageContext
  job: BulkJob<Action>
  words: BulkWords<Action>
  /** DELETE closes it, and all others that have ended. */
  path: string
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

const countItems = (job: BulkJob, ...states: ReadonlyArray<State>) =>
  job.items.filter(({ state }) => states.includes(state)).length

/** It is done, or will be once a node is back. */
export const isDone = ({ state }: BulkJob["items"][number]) => state === "done" || state === "kept"

const title = <Action extends string>(words: BulkWords<Action>, job: BulkJob<Action>) =>
  job.endedAt === null
    ? words.running[job.action]
    : words.finished[job.action](job.items.filter(isDone).length, job.items.length)

/** What went wrong is read first, once nothing moves any more. */
const ordered = ({ endedAt, items }: BulkJob) =>
  endedAt === null ? items : items.toSorted((a, b) => Number(b.state === "failed") - Number(a.state === "failed"))

/** `#bulk-job`: what is done with several rows of a list, by persons and by programs. */
export const BulkCards = ({ children }: { children: ReadonlyArray<Child> }) => (
  <div id="bulk-job" hidden={children.length === 0} class="stack">
    {children}
  </div>
)

/** An action on several rows of a list while it runs, and what came of each until it is closed. */
export const BulkCard = <Action extends string>({ children, job, linkOf, page, path, words }: Props<Action>) => {
  const { bulk, deed, push } = page.t
  const [done, failed] = [countItems(job, "done", "kept"), countItems(job, "failed", "pending")]
  const over = done + failed
  const isRunning = job.endedAt === null
  return (
    <section
      class={`card job job-${isRunning ? "running" : failed > 0 ? "bad" : "ok"}`}
      aria-label={`${title(words, job)} ${deed.by(job.by)}`}
    >
      <div class="job-main">
        <p class="job-title" role="status">
          {isRunning ? (
            <span class="spinner" aria-hidden="true"></span>
          ) : (
            <Icon name={failed > 0 ? "alert" : "ok"} tone={failed > 0 ? "bad" : "ok"} />
          )}
          <b>{title(words, job)}</b> <span class="quiet">{deed.by(job.by)}</span>
        </p>
        <Bar
          label={push.of(over, job.items.length)}
          parts={[
            { tone: "ok", count: done },
            { tone: "bad", count: failed },
            { tone: "rest", count: job.items.length - over },
          ]}
        />
        <ul class="bulk-results" tabindex={0} aria-label={words.label}>
          {ordered(job).map(({ id, name, reason, state }) => (
            <li>
              <Name href={linkOf(id)}>{name}</Name> <Status tone={tones[state]}>{bulk.state[state]}</Status>
              {reason !== null && <span class={state === "failed" ? "bad" : "quiet"}>{reason}</span>}
            </li>
          ))}
        </ul>
      </div>
      <div class="job-actions">
        {isRunning && <span class="job-number">{push.of(over, job.items.length)}</span>}
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

type ToastProps<Action extends string> = PropsWithChildren<{
  page: PageContext
  job: BulkJob<Action>
  words: BulkWords<Action>
}>

/** How it went, or that it has begun; the card tells of each. */
export const BulkToast = <Action extends string>({ children, job, page, words }: ToastProps<Action>) => {
  if (job.endedAt === null) return <Toast page={page} tone="info" text={words.begun(job.items.length)} />
  return (
    <Toast page={page} tone={job.items.every(isDone) ? "ok" : "bad"} text={title(words, job)}>
      {children}
    </Toast>
  )
}

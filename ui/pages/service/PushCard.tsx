import { clientIs } from "../../Lists.ts"
import { Bar } from "../../parts/Bar.tsx"
import { formatNumber } from "../../parts/Format.ts"
import { Icon } from "../../parts/Icon.tsx"
import { Status } from "../../parts/Status.tsx"
import { Time } from "../../parts/Time.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext, PushJob, ServiceDetail } from "../../ViewModels.ts"

type Props = { page: PageContext; service: ServiceDetail }

/** `#push`: how far the released list has come; while a push runs and until it is closed or outdated, the push. */
export const PushCard = ({ page, service, job }: Props & { job: PushJob | undefined }) => {
  if (service.clientsList.length === 0) return <div id="push" hidden></div>
  return job === undefined || isOutdated(job, service) ? (
    <Spread page={page} service={service} />
  ) : (
    <Job page={page} service={service} job={job} />
  )
}

/** A push that has ended says nothing about what was released after it. */
const isOutdated = (job: PushJob, service: ServiceDetail) => job.endedAt !== null && job.revision !== service.revision

const PushAll = ({ page, service, look }: Props & { look: string }) => (
  <button
    type="button"
    class={`button ${look}`}
    hx-get={paths.pushPreview(service.id)}
    hx-target="#dialogs"
    hx-swap="innerHTML"
    disabled={service.revision === null}
    title={service.revision === null ? page.t.clients.pushNothing : undefined}
  >
    <Icon name="push" />
    {page.t.clients.pushAll(service.clientsList.length)}
  </button>
)

const Spread = ({ page, service }: Props) => {
  const { clients, push } = page.t
  const count = (filter: "behind" | "failed") =>
    service.clientsList.filter((client) => clientIs(client, service.revision, filter)).length
  const total = service.clientsList.length
  const [behind, failed] = [count("behind"), count("failed")]
  const current = total - behind - failed
  const label = clients.summary(current, total)
  return (
    <section id="push" class="card job" aria-label={push.label}>
      <div class="job-main">
        <p class="job-title">
          <b>{label}</b> {service.revision !== null && <code class="tag">{push.revision(service.revision)}</code>}
          {service.releasedAt === null ? (
            <span class="quiet">{page.t.service.notReleased}</span>
          ) : (
            <span class="quiet">
              {page.t.service.released} <Time page={page} at={service.releasedAt} />{" "}
              {service.releasedBy !== null && page.t.service.by(service.releasedBy)}
            </span>
          )}
        </p>
        <Bar
          label={label}
          parts={[
            { tone: "ok", count: current },
            { tone: "warn", count: behind },
            { tone: "bad", count: failed },
          ]}
        />
        <p class="job-counts">
          <Status tone="ok">{clients.current(current)}</Status>
          {behind > 0 && <Status tone="warn">{clients.behind(behind)}</Status>}
          {failed > 0 && <Status tone="bad">{clients.failed(failed)}</Status>}
        </p>
      </div>
      <div class="job-actions">
        <PushAll page={page} service={service} look="button-primary" />
      </div>
    </section>
  )
}

const outcome = (job: PushJob): "running" | "ok" | "bad" => {
  if (job.endedAt === null) return "running"
  return job.failed > 0 ? "bad" : "ok"
}

const Job = ({ page, service, job }: Props & { job: PushJob }) => {
  const { push } = page.t
  const state = outcome(job)
  const done = job.ok + job.failed
  return (
    <section id="push" class={`card job job-${state}`} aria-label={push.label}>
      <div class="job-main">
        <p class="job-title" role="status">
          {state === "running" ? (
            <span class="spinner" aria-hidden="true"></span>
          ) : (
            <Icon name={state === "ok" ? "ok" : "alert"} tone={state} />
          )}
          <b>{state === "running" ? push.running : push.finished}</b>{" "}
          <code class="tag">{push.revision(job.revision)}</code>
          <span class="quiet">{job.endedAt === null ? push.startedBy(job.by) : push.took(took(page, job))}</span>
        </p>
        <Bar
          label={push.of(done, job.total)}
          parts={[
            { tone: "ok", count: job.ok },
            { tone: "bad", count: job.failed },
            { tone: "rest", count: job.total - done },
          ]}
        />
        <p class="job-counts">
          <Status tone="ok">{push.ok(job.ok)}</Status>
          {job.failed > 0 && <Status tone="bad">{push.failed(job.failed)}</Status>}
          {job.left > 0 && (
            <Status tone="off">{job.endedAt === null ? push.left(job.left) : push.notSent(job.left)}</Status>
          )}
        </p>
      </div>
      <div class="job-actions">
        <span class="job-number">{push.of(done, job.total)}</span>
        <JobButtons page={page} service={service} job={job} />
      </div>
    </section>
  )
}

/** Most pushes take a few hundredths of a second: "0 s" would look like a mistake. */
const took = (page: PageContext, job: PushJob) => {
  const seconds = Math.max(0.01, ((job.endedAt ?? page.now) - job.startedAt) / 1000)
  return formatNumber(page.lang, seconds, seconds < 1 ? 2 : 1)
}

const JobButtons = ({ page, service, job }: Props & { job: PushJob }) => {
  if (job.endedAt === null) {
    return (
      <button type="button" class="button button-small" hx-delete={paths.push(service.id)}>
        {page.t.action.cancel}
      </button>
    )
  }
  const failed = service.clientsList.filter((client) => client.job === "failed").map((client) => client.id)
  return (
    <>
      {failed.length > 0 && (
        <button
          type="button"
          class="button button-small button-primary"
          hx-post={paths.push(service.id)}
          hx-vals={JSON.stringify({ ids: failed.join(",") })}
        >
          <Icon name="refresh" />
          {page.t.push.retry(failed.length)}
        </button>
      )}
      <PushAll page={page} service={service} look="button-small" />
      <button type="button" class="button button-small" hx-post={paths.closePush(service.id)}>
        {page.t.action.close}
      </button>
    </>
  )
}

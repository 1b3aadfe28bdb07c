import { keptFormer } from "../../../../src/domain/ReloadState.ts"
import { Bar } from "../../../parts/Bar.tsx"
import { Icon } from "../../../parts/Icon.tsx"
import { Status } from "../../../parts/Status.tsx"
import { paths } from "../../../Paths.ts"
import type { InstanceView, PageContext, ProcessView, ServiceDetail } from "../../../ViewModels.ts"

type Props = { page: PageContext; service: ServiceDetail }

/** `#rollout`: how far what was saved and pushed has come, live; and the push of what was held back. */
export const Rollout = ({ page, service }: Props) => {
  const { process } = service
  if (process === null) return <div id="rollout" hidden></div>
  const { rollout } = page.t
  const places = process.instances.filter(({ delivery }) => delivery.state !== "none")
  const count = (state: string) => places.filter(({ delivery }) => delivery.state === state).length
  const [sending, refused, away] = [count("sending"), count("refused"), count("away")]
  const kept = places.filter(keepsFormer).length
  const acked = count("acked") - kept
  return (
    <section id="rollout" class="card job" aria-label={rollout.title}>
      <div class="job-main">
        <p class="job-title" role="status">
          {sending > 0 && <span class="spinner" aria-hidden="true"></span>}
          <b>{titleOf(page, process)}</b>
          {isHeld(process) && process.pushed !== null && <span class="quiet">{rollout.pushed(process.pushed)}</span>}
        </p>
        {places.length > 0 && (
          <>
            <Bar
              label={rollout.some(acked, places.length)}
              parts={[
                { tone: "ok", count: acked },
                { tone: "info", count: sending },
                { tone: "bad", count: refused + kept },
                { tone: "off", count: away },
              ]}
            />
            <p class="job-counts">
              <Status tone="ok">{rollout.acked(acked)}</Status>
              {sending > 0 && <Status tone="info">{rollout.sending(sending)}</Status>}
              {kept > 0 && <Status tone="bad">{rollout.kept(kept)}</Status>}
              {refused > 0 && <Status tone="bad">{rollout.refused(refused)}</Status>}
              {away > 0 && <Status tone="off">{rollout.away(away)}</Status>}
            </p>
          </>
        )}
        {process.notJoined.length > 0 && <p class="quiet">{rollout.notJoined(process.notJoined.join(", "))}</p>}
      </div>
      {isHeld(process) && (
        <div class="job-actions">
          <PushAll page={page} service={service} process={process} />
        </div>
      )}
    </section>
  )
}

/** It has what was pushed, which could not be started in place of what runs. */
const keepsFormer = ({ delivery, reload, status }: InstanceView) =>
  delivery.state === "acked" && status !== null && keptFormer(reload, status)

/** Whether a node has, or all of them have, something else than what was saved last. */
const isHeld = ({ instances, pushed, revision }: ProcessView) =>
  pushed !== revision || instances.some(({ delivery }) => (delivery.wanted?.revision ?? revision) !== revision)

const titleOf = ({ t: { rollout } }: PageContext, process: ProcessView): string => {
  const { instances, pushed, revision } = process
  if (pushed === null && instances.every(({ delivery }) => delivery.state === "none")) return rollout.never(revision)
  if (isHeld(process)) return rollout.held(revision)
  if (instances.length === 0) return rollout.nobody
  const done = instances.filter((one) => one.delivery.state === "acked" && !keepsFormer(one)).length
  return done === instances.length ? rollout.all(revision, done) : rollout.some(done, instances.length)
}

const PushAll = ({ page, service, process }: Props & { process: ProcessView }) => {
  const { rollout } = page.t
  const { instances, revision } = process
  return (
    <button
      type="button"
      class="button button-primary"
      hx-post={paths.deed(service.id, "push")}
      hx-vals={JSON.stringify({ revision: String(revision) })}
      hx-confirm={rollout.pushAllTitle(revision, instances.length)}
      data-confirm-help={rollout.pushHelp}
      data-confirm-yes={rollout.pushAll(revision)}
    >
      <Icon name="push" />
      {rollout.pushAll(revision)}
    </button>
  )
}

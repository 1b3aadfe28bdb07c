import { endpointKey } from "../../../../src/domain/Endpoint.ts"
import { processProblem } from "../../../../src/domain/Problem.ts"
import { Icon } from "../../../parts/Icon.tsx"
import { Status } from "../../../parts/Status.tsx"
import { Time } from "../../../parts/Time.tsx"
import { limitsText, told, troubleText, waitText } from "../../../parts/Trouble.ts"
import type { InstanceView, PageContext, ProcessView, ServiceDetail } from "../../../ViewModels.ts"
import { ActionLine } from "./ActionLine.tsx"
import { PlaceDeeds } from "./Deeds.tsx"
import { ReloadLine } from "./ReloadLine.tsx"
import { StateMark, Workers } from "./Workers.tsx"

type Props = { page: PageContext; service: ServiceDetail; process: ProcessView; instance: InstanceView }

const nameOf = ({ nodeName, status }: InstanceView) =>
  status?.listen === undefined || status.listen === null ? nodeName : `${nodeName} (${status.listen.ip})`

/** A process set on one node: what is wanted of it, what it does, and each of its processes. */
export const Place = ({ page, service, process, instance }: Props) => {
  const { action, delivery, nodeName, reload, status } = instance
  const name = nameOf(instance)
  const listen = status?.listen ?? null
  return (
    <section class="instance" aria-label={name}>
      <header class="instance-head">
        <b>{nodeName}</b>
        {listen !== null && <span class="mono quiet">{endpointKey(listen)}</span>}
        {status === null ? <Unreported page={page} instance={instance} /> : <Mark page={page} status={status} />}
        {delivery.wanted !== null && <code class="tag">{page.t.push.revision(delivery.wanted.revision)}</code>}
        <span class="instance-deeds">
          <PlaceDeeds page={page} service={service} process={process} instance={instance} name={name} />
        </span>
      </header>
      <Delivery page={page} process={process} instance={instance} />
      <Facts page={page} instance={instance} />
      {action !== null && <ActionLine page={page} action={action} />}
      {reload !== null && (action === null || reload.startedAt > action.startedAt) && (
        <ReloadLine page={page} reload={reload} />
      )}
      {status !== null && status.workers.length + status.taskWorkers.length > 0 && (
        <Workers page={page} serviceId={service.id} instance={instance} name={name} />
      )}
    </section>
  )
}

/** What waits for others is not what an operator has stopped. */
const Mark = ({ page, status }: { page: PageContext; status: NonNullable<InstanceView["status"]> }) =>
  status.state === "STOPPED" && status.waitingFor !== null && status.desired === "running" ? (
    <Status tone="warn">{page.t.processes.waiting}</Status>
  ) : (
    <StateMark page={page} state={status.state} />
  )

type OfInstance = { page: PageContext; instance: InstanceView }

const Unreported = ({ page, instance }: OfInstance) => {
  const { error, problem } = instance
  const text = told(page, { text: error, problem })
  return <span class={text === null ? "quiet" : "bad"}>{text ?? page.t.process.notReported}</span>
}

/** What is on its way to the node, or why it is not there. */
const Delivery = ({ page, process, instance }: OfInstance & { process: ProcessView }) => {
  const { processes, rollout } = page.t
  const { message, nextTryAt, problem, state, wanted } = instance.delivery
  const otherwise = wanted === null || wanted.desired === process.spec.desired ? null : wanted.desired
  return (
    <>
      {otherwise !== null && (
        <p class="instance-note">
          <Icon name="info" tone="quiet" />
          <span>{otherwise === "stopped" ? processes.stoppedHere : processes.runningHere}</span>
        </p>
      )}
      {state !== "acked" && (
        <p class="instance-note">
          {state === "sending" && <span class="spinner" aria-hidden="true"></span>}
          <b class={state === "refused" ? "bad" : ""}>{rollout.state[state]}</b>
          {state === "refused" && <span class="bad">{told(page, { text: message, problem })}</span>}
          {nextTryAt !== null && (
            <span class="quiet">
              {rollout.nextTry} <Time page={page} at={nextTryAt} />
            </span>
          )}
        </p>
      )}
    </>
  )
}

const Facts = ({ page, instance: { error, problem, status } }: OfInstance) => {
  if (status === null) return null
  const { processes } = page.t
  const reason =
    status.reason === null ? told(page, { text: error, problem }) : troubleText(page, processProblem(status.reason))
  return (
    <>
      {reason !== null && <p class="instance-reason bad">{reason}</p>}
      {status.waitingFor !== null && (
        <p class="instance-note">
          <Icon name="clock" tone="quiet" />
          <span>{processes.waitsFor(waitText(page, status.waitingFor))}</span>
        </p>
      )}
      {status.limitsMissing !== null && (
        <p class="instance-note warn">
          <Icon name="alert" />
          <span>{processes.limitsMissing(limitsText(page, status.limitsMissing))}</span>
        </p>
      )}
    </>
  )
}

import { endpointKey } from "../../../../src/domain/Endpoint.ts"
import { processProblem } from "../../../../src/domain/Problem.ts"
import { Card } from "../../../parts/Card.tsx"
import { Empty } from "../../../parts/Empty.tsx"
import { Icon } from "../../../parts/Icon.tsx"
import { Status, type Tone } from "../../../parts/Status.tsx"
import { Time } from "../../../parts/Time.tsx"
import { told, troubleText } from "../../../parts/Trouble.ts"
import { paths } from "../../../Paths.ts"
import type { InstanceView, PageContext, ServiceDetail, WorkerState, WorkerView } from "../../../ViewModels.ts"
import { ReloadLine } from "./ReloadLine.tsx"

type Props = { page: PageContext; service: ServiceDetail }

/** `#instances`: the service's process on each node, worker by worker. */
export const Instances = ({ page, service }: Props) => {
  const { process } = page.t
  if (service.process === null) return <div id="instances" hidden></div>
  const { instances, revision } = service.process
  return (
    <Card
      id="instances"
      title={process.instances}
      actions={instances.length > 1 ? <ReloadAll page={page} service={service} count={instances.length} /> : undefined}
    >
      {instances.length === 0 ? (
        <Empty icon="process" title={process.noInstances} help={process.noInstancesHelp} />
      ) : (
        instances.map((instance) => (
          <Instance page={page} serviceId={service.id} instance={instance} revision={revision} />
        ))
      )}
    </Card>
  )
}

const ReloadAll = ({ page, service, count }: Props & { count: number }) => (
  <button
    type="button"
    class="button button-small"
    hx-post={paths.reload(service.id)}
    hx-confirm={page.t.process.reloadAllTitle(count)}
    data-confirm-help={page.t.process.reloadHelp}
    data-confirm-yes={page.t.process.reloadAll}
  >
    <Icon name="restart" />
    {page.t.process.reloadAll}
  </button>
)

const tones: Readonly<Record<WorkerState, Tone>> = {
  RUNNING: "ok",
  STARTING: "info",
  STOPPING: "info",
  STOPPED: "off",
  BACKOFF: "warn",
  EXITED: "bad",
  FATAL: "bad",
}

const State = ({ page, state }: { page: PageContext; state: WorkerState }) => (
  <Status tone={tones[state]}>{page.t.worker[state]}</Status>
)

type InstanceProps = { page: PageContext; serviceId: string; instance: InstanceView; revision: number }

const nameOf = ({ nodeName, status }: InstanceView) =>
  status?.listen === undefined || status.listen === null ? nodeName : `${nodeName} (${status.listen.ip})`

const Listen = ({ listen }: { listen: NonNullable<InstanceView["status"]>["listen"] }) =>
  listen === null ? null : <span class="mono quiet">{endpointKey(listen)}</span>

const Instance = ({ page, serviceId, instance, revision }: InstanceProps) => {
  const { process } = page.t
  const { status, nodeName, nodeId, reload } = instance
  const error = told(page, { text: instance.error, problem: instance.problem })
  const name = nameOf(instance)
  return (
    <section class="instance" aria-label={name}>
      <header class="instance-head">
        <b>{nodeName}</b>
        <Listen listen={status?.listen ?? null} />
        {status === null ? (
          <span class={error === null ? "quiet" : "bad"}>{error ?? process.notReported}</span>
        ) : (
          <State page={page} state={status.state} />
        )}
        {status !== null && status.specRevision < revision && (
          <span class="warn small">{process.outdated(status.specRevision, revision)}</span>
        )}
        {status !== null && <Reload page={page} serviceId={serviceId} node={nodeId} name={name} />}
      </header>
      {status !== null && (
        <Reason text={status.reason === null ? error : troubleText(page, processProblem(status.reason))} />
      )}
      {reload !== null && <ReloadLine page={page} reload={reload} />}
      {status !== null && status.workers.length > 0 && (
        <Workers page={page} name={name} workers={status.workers} taskWorkers={status.taskWorkers} />
      )}
    </section>
  )
}

type ReloadProps = { page: PageContext; serviceId: string; node: string; name: string }

const Reload = ({ page, serviceId, node, name }: ReloadProps) => (
  <button
    type="button"
    class="button button-small push-right"
    hx-post={paths.reload(serviceId)}
    hx-vals={JSON.stringify({ node })}
    hx-confirm={page.t.process.reloadTitle(name)}
    data-confirm-help={page.t.process.reloadHelp}
    data-confirm-yes={page.t.process.reload}
    aria-label={page.t.process.reloadOf(name)}
  >
    <Icon name="restart" />
    {page.t.process.reload}
  </button>
)

const Reason = ({ text }: { text: string | null }) => (text === null ? null : <p class="instance-reason bad">{text}</p>)

type WorkersProps = {
  page: PageContext
  name: string
  workers: ReadonlyArray<WorkerView>
  taskWorkers: ReadonlyArray<WorkerView>
}

const Workers = ({ page, name, workers, taskWorkers }: WorkersProps) => {
  const { column, process } = page.t
  return (
    <div class="table-wrap">
      <table class="table table-fixed table-workers" aria-label={process.workersTable(name)}>
        <colgroup>
          <col class="width-worker" />
          <col class="width-status" />
          <col class="width-time" />
          <col class="width-small" />
          <col />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">{column.slot}</th>
            <th scope="col">{column.status}</th>
            <th scope="col">{column.since}</th>
            <th scope="col" class="number">
              {column.restarts}
            </th>
            <th scope="col">{column.reason}</th>
          </tr>
        </thead>
        <tbody>
          {workers.map((worker) => (
            <Worker page={page} worker={worker} title={String(worker.slot)} />
          ))}
          {taskWorkers.map((worker) => (
            <Worker page={page} worker={worker} title={process.taskWorker(worker.slot)} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

const Worker = ({ page, worker, title }: { page: PageContext; worker: WorkerView; title: string }) => (
  <tr>
    <td class="nowrap">
      {title} {worker.pid !== null && <span class="quiet">{page.t.process.pid(worker.pid)}</span>}
    </td>
    <td>
      <State page={page} state={worker.state} />
    </td>
    <td class="quiet nowrap">
      <Time page={page} at={worker.since} />
    </td>
    <td class={worker.restarts > 0 ? "number warn" : "number quiet"}>{worker.restarts}</td>
    <td class={worker.state === "RUNNING" ? "quiet break" : "bad break"}>
      {worker.reason === null ? "–" : troubleText(page, processProblem(worker.reason))}
    </td>
  </tr>
)

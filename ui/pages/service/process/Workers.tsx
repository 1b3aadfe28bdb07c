import { processProblem } from "../../../../src/domain/Problem.ts"
import { Status, type Tone } from "../../../parts/Status.tsx"
import { IconButton } from "../../../parts/IconButton.tsx"
import { Time } from "../../../parts/Time.tsx"
import { troubleText } from "../../../parts/Trouble.ts"
import { paths } from "../../../Paths.ts"
import type { InstanceView, PageContext, WorkerState, WorkerView } from "../../../ViewModels.ts"

const tones: Readonly<Record<WorkerState, Tone>> = {
  RUNNING: "ok",
  STARTING: "info",
  STOPPING: "info",
  STOPPED: "off",
  BACKOFF: "warn",
  EXITED: "bad",
  FATAL: "bad",
}

export const StateMark = ({ page, state }: { page: PageContext; state: WorkerState }) => (
  <Status tone={tones[state]}>{page.t.worker[state]}</Status>
)

type Props = { page: PageContext; serviceId: string; instance: InstanceView; name: string }

/** The processes of a set on one node, those that run queued tasks at the end. */
export const Workers = ({ page, serviceId, instance, name }: Props) => {
  const { column, process } = page.t
  const { nodeId, status } = instance
  const at = { page, serviceId, nodeId, name, isWanted: instance.delivery.wanted?.desired === "running" }
  return (
    <div class="table-wrap">
      <table class="table table-fixed table-workers" aria-label={process.workersTable(name)}>
        <colgroup>
          <col class="width-worker" />
          <col class="width-status" />
          <col class="width-time" />
          <col class="width-small" />
          <col />
          <col class="width-icon" />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">{column.instance}</th>
            <th scope="col">{column.status}</th>
            <th scope="col">{column.since}</th>
            <th scope="col" class="number">
              {column.restarts}
            </th>
            <th scope="col">{column.reason}</th>
            <th scope="col">
              <span class="hidden">{column.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {(status?.workers ?? []).map((worker) => (
            <Worker {...at} worker={worker} kind="calls" title={String(worker.slot)} />
          ))}
          {(status?.taskWorkers ?? []).map((worker) => (
            <Worker {...at} worker={worker} kind="tasks" title={process.taskWorker(worker.slot)} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

type WorkerProps = {
  page: PageContext
  serviceId: string
  nodeId: string
  name: string
  isWanted: boolean
  worker: WorkerView
  kind: "calls" | "tasks"
  title: string
}

const Worker = (props: WorkerProps) => {
  const { page, worker, title, isWanted } = props
  const { processes } = page.t
  return (
    <tr>
      <td class="nowrap">
        {title} {worker.pid !== null && <span class="quiet">{page.t.process.pid(worker.pid)}</span>}
      </td>
      <td class="nowrap">
        <StateMark page={page} state={worker.state} />
        {worker.state === "RUNNING" && !worker.ready && <span class="warn small">{` ${processes.notReady}`}</span>}
      </td>
      <td class="quiet nowrap">
        <Time page={page} at={worker.since} />
      </td>
      <td class={worker.restarts > 0 ? "number warn" : "number quiet"}>{worker.restarts}</td>
      <td class={worker.state === "RUNNING" || worker.state === "STOPPED" ? "quiet break" : "bad break"}>
        {worker.reason === null ? (worker.adopted ? "" : "–") : troubleText(page, processProblem(worker.reason))}
        {worker.adopted && (
          <span class="pill" title={processes.adoptedHelp}>
            {processes.adopted}
          </span>
        )}
      </td>
      <td class="actions">{isWanted && <RestartOne {...props} />}</td>
    </tr>
  )
}

const RestartOne = ({ page, serviceId, nodeId, name, worker, kind, title }: WorkerProps) => {
  const { deed } = page.t
  const subject = `${title}, ${name}`
  return (
    <IconButton
      icon="refresh"
      label={deed.of.restart(subject)}
      with={{
        "hx-post": paths.deed(serviceId, "restart"),
        "hx-vals": JSON.stringify({ node: nodeId, slot: String(worker.slot), kind }),
        "hx-confirm": deed.title.restart(subject),
        "data-confirm-help": deed.help.restart,
        "data-confirm-yes": deed.restart,
      }}
    />
  )
}

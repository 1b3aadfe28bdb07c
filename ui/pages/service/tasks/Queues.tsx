import { rpcOf } from "../../../../src/domain/ProcessSpec.ts"
import type { TaskCounts, TasksView } from "../../../../src/domain/TaskFigures.ts"
import { Card } from "../../../parts/Card.tsx"
import { Empty } from "../../../parts/Empty.tsx"
import { formatNumber } from "../../../parts/Format.ts"
import { troubleText } from "../../../parts/Trouble.ts"
import { paths } from "../../../Paths.ts"
import type { PageContext, ServiceDetail } from "../../../ViewModels.ts"

type Props = { page: PageContext; service: ServiceDetail; view: TasksView }

/** `#task-queues`: what waits, runs and was given up on each node; or why there is nothing. */
export const Queues = ({ page, service, view }: Props) => {
  const { tasks } = page.t
  return (
    <Card id="task-queues" title={tasks.queues}>
      {isIdle(service, view) ? (
        <Nothing page={page} service={service} />
      ) : view.known ? (
        <Table page={page} view={view} />
      ) : (
        <Empty icon="clock" title={tasks.waitingForNodes} help={tasks.waitingForNodesHelp} />
      )}
    </Card>
  )
}

/** There are no task workers, and nothing is left from when there were some. */
export const isIdle = ({ process }: ServiceDetail, { counts }: TasksView): boolean =>
  (process === null || rpcOf(process.spec).taskWorkers === 0) && counts.waiting + counts.running + counts.dead === 0

const Nothing = ({ page, service }: { page: PageContext; service: ServiceDetail }) => {
  const { tasks } = page.t
  const has = service.process !== null
  return (
    <Empty
      icon="tasks"
      title={has ? tasks.noWorkers : tasks.noProcess}
      help={has ? tasks.noWorkersHelp : tasks.noProcessHelp}
    >
      <a class="button button-primary" href={paths.tab(service.id, "process")}>
        {page.t.calls.toProcess}
      </a>
    </Empty>
  )
}

const Table = ({ page, view }: { page: PageContext; view: TasksView }) => {
  const { column, tasks } = page.t
  return (
    <>
      {view.silent.length > 0 && (
        <ul class="silent" aria-label={page.t.calls.silent}>
          {view.silent.map(({ nodeName, problem }) => (
            <li>
              <b>{nodeName}</b> <span class="bad">{troubleText(page, problem)}</span>
            </li>
          ))}
        </ul>
      )}
      <div class="table-wrap" tabindex={0} role="group" aria-label={tasks.queues}>
        <table class="table table-fixed table-attention" aria-label={tasks.queues}>
          <colgroup>
            <col />
            <col class="width-total" />
            <col class="width-total" />
            <col class="width-total" />
          </colgroup>
          <thead>
            <tr>
              <th scope="col">{column.node}</th>
              <th scope="col" class="number">
                {tasks.waiting}
              </th>
              <th scope="col" class="number">
                {tasks.running}
              </th>
              <th scope="col" class="number">
                {tasks.dead}
              </th>
            </tr>
          </thead>
          <tbody>
            {view.nodes.map(({ counts, name, nodeName }) => (
              <tr>
                <td class="cut">
                  <b>{nodeName}</b> <span class="mono quiet">{name}</span>
                </td>
                <Counts page={page} counts={counts} />
              </tr>
            ))}
            {view.nodes.length > 1 && (
              <tr class="row-sum">
                <td>
                  <b>{tasks.all}</b>
                </td>
                <Counts page={page} counts={view.counts} />
              </tr>
            )}
          </tbody>
        </table>
      </div>
    </>
  )
}

const Counts = ({ page, counts }: { page: PageContext; counts: TaskCounts }) => (
  <>
    <td class="number">{formatNumber(page.lang, counts.waiting)}</td>
    <td class="number">{formatNumber(page.lang, counts.running)}</td>
    <td class={counts.dead > 0 ? "number bad" : "number quiet"}>{formatNumber(page.lang, counts.dead)}</td>
  </>
)

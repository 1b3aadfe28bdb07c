import type { DeadLetter, TasksView } from "../../../../src/domain/TaskFigures.ts"
import { Empty } from "../../../parts/Empty.tsx"
import { Icon } from "../../../parts/Icon.tsx"
import { IconButton } from "../../../parts/IconButton.tsx"
import { Time } from "../../../parts/Time.tsx"
import { paths } from "../../../Paths.ts"
import type { PageContext, ServiceDetail } from "../../../ViewModels.ts"
import { isIdle } from "./Queues.tsx"

type Props = { page: PageContext; service: ServiceDetail; view: TasksView }

/** `#task-letters`: the dead letters, to be queued again or thrown away: one, those selected, or all. */
export const Letters = ({ page, service, view }: Props) => {
  const { tasks } = page.t
  if (!view.known || isIdle(service, view)) return <div id="task-letters" hidden></div>
  return (
    <section id="task-letters" class="card" aria-label={tasks.letters}>
      <header class="card-head">
        <h2>{tasks.letters}</h2>
        {view.counts.dead > 0 && (
          <div class="card-actions">
            <All page={page} service={service} view={view} />
          </div>
        )}
      </header>
      {view.letters.length === 0 ? (
        <Empty icon="ok" title={tasks.none} help={tasks.noneHelp} />
      ) : (
        <>
          <div class="tools">
            <span class="quiet">{tasks.lettersHelp}</span>
            <Selected page={page} serviceId={service.id} />
          </div>
          <Table page={page} serviceId={service.id} letters={view.letters} />
          {view.more > 0 && <p class="card-foot quiet">{tasks.more(view.more)}</p>}
        </>
      )}
    </section>
  )
}

const All = ({ page, service, view }: Props) => {
  const { tasks } = page.t
  const all = JSON.stringify({ all: "1" })
  return (
    <>
      <button
        type="button"
        class="button button-small"
        hx-post={paths.requeueTasks(service.id)}
        hx-vals={all}
        hx-confirm={tasks.requeueAllTitle(view.counts.dead)}
        data-confirm-help={tasks.requeueAllHelp}
        data-confirm-yes={tasks.requeueAll}
      >
        <Icon name="refresh" />
        {tasks.requeueAll}
      </button>{" "}
      <button
        type="button"
        class="button button-small"
        hx-post={paths.discardTasks(service.id)}
        hx-vals={all}
        hx-confirm={tasks.discardAllTitle(view.counts.dead)}
        data-confirm-help={tasks.discardSelectedHelp}
        data-confirm-yes={tasks.discardAll}
        data-confirm-danger=""
        data-confirm-type={service.name}
        data-confirm-label={page.t.service.typeName(service.name)}
      >
        <Icon name="trash" />
        {tasks.discardAll}
      </button>
    </>
  )
}

/** Shown while rows are selected. */
const Selected = ({ page, serviceId }: { page: PageContext; serviceId: string }) => {
  const { tasks } = page.t
  const chosen = { "hx-include": "#task-letters tbody .check-cell input:checked" }
  return (
    <div id="letters-bulk" class="bulk push-right">
      <span class="quiet" data-selected={tasks.selectedMark}>
        {tasks.selectedMark.replace("#", "0")}
      </span>
      <button type="button" class="button button-small" hx-post={paths.requeueTasks(serviceId)} {...chosen}>
        <Icon name="refresh" />
        {tasks.requeueSelected}
      </button>
      <button
        type="button"
        class="button button-small"
        hx-post={paths.discardTasks(serviceId)}
        {...chosen}
        hx-confirm={tasks.discardSelectedTitle}
        data-confirm-help={tasks.discardSelectedHelp}
        data-confirm-yes={tasks.discardSelected}
        data-confirm-danger=""
      >
        <Icon name="trash" />
        {tasks.discardSelected}
      </button>
    </div>
  )
}

type TableProps = { page: PageContext; serviceId: string; letters: ReadonlyArray<DeadLetter> }

const Table = ({ page, serviceId, letters }: TableProps) => {
  const { column, tasks } = page.t
  return (
    <div class="table-wrap" tabindex={0} role="group" aria-label={tasks.letters}>
      <table class="table table-fixed table-hover table-methods" data-select="letters-bulk" aria-label={tasks.letters}>
        <colgroup>
          <col class="width-check" />
          <col />
          <col class="width-worker" />
          <col class="width-total" />
          <col class="width-time" />
          <col class="width-action" />
        </colgroup>
        <thead>
          <tr>
            <th class="check-cell">
              <input type="checkbox" class="checkbox" data-select-all="" aria-label={page.t.action.selectAll} />
            </th>
            <th scope="col">{tasks.task}</th>
            <th scope="col">{column.node}</th>
            <th scope="col">{tasks.attempts}</th>
            <th scope="col">{tasks.queued}</th>
            <th scope="col">
              <span class="hidden">{column.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {letters.map((letter) => (
            <Letter page={page} serviceId={serviceId} letter={letter} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** The id as a part of an element's id, whatever a node takes for one. */
const idOf = ({ id }: DeadLetter) =>
  `letter-${id.replaceAll(/[^A-Za-z0-9-]/g, (sign) => `_${sign.codePointAt(0)?.toString(16) ?? ""}_`)}`

const Letter = ({ page, serviceId, letter }: { page: PageContext; serviceId: string; letter: DeadLetter }) => {
  const { tasks } = page.t
  const { attempts, attemptsMax, error, id, nodeName, payload, queuedAt, task } = letter
  const one = JSON.stringify({ task: id, node: letter.nodeId })
  return (
    <tr id={idOf(letter)} class="method-row">
      <td class="check-cell">
        <input
          type="checkbox"
          class="checkbox"
          name="task"
          value={id}
          aria-label={page.t.action.select(`${task} ${id}`)}
        />
      </td>
      <td>
        <details class="method">
          <summary>
            <code class="letter-name">{task}</code> <span class="bad small letter-error">{error}</span>
          </summary>
          <div class="method-more">
            <p class="quiet small">{tasks.error}</p>
            <p class="bad break letter-text">{error ?? page.t.calls.nothing}</p>
            <p class="quiet small">{tasks.payload}</p>
            <pre class="code" tabindex={0} role="group" aria-label={`${tasks.payload}: ${task} ${id}`}>
              <code>{payload}</code>
            </pre>
            <p class="quiet small mono">{id}</p>
          </div>
        </details>
      </td>
      <td class="cut">{nodeName}</td>
      <td class="quiet">{tasks.attemptsOf(attempts, attemptsMax)}</td>
      <td class="quiet nowrap">
        <Time page={page} at={queuedAt} />
      </td>
      <td class="actions">
        <button
          type="button"
          class="button button-small button-row"
          hx-post={paths.requeueTasks(serviceId)}
          hx-vals={one}
          aria-label={tasks.requeueOf(task, id)}
        >
          {tasks.requeue}
        </button>
        <IconButton
          icon="trash"
          label={tasks.discardOf(task, id)}
          with={{
            "hx-post": paths.discardTasks(serviceId),
            "hx-vals": one,
            "hx-confirm": tasks.discardTitle(task),
            "data-confirm-help": tasks.discardHelp,
            "data-confirm-yes": tasks.discard,
            "data-confirm-danger": "",
          }}
        />
      </td>
    </tr>
  )
}

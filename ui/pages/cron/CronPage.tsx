import type { CronTaskView } from "../../../src/domain/CronView.ts"
import type { CronFilter } from "../../CronModels.ts"
import { PageHead } from "../../layout/PageHead.tsx"
import { Shell } from "../../layout/Shell.tsx"
import { cronIs, filterCron, isFiltered } from "../../Lists.ts"
import { Empty } from "../../parts/Empty.tsx"
import { Icon } from "../../parts/Icon.tsx"
import { ListRows, Members, membersVersion } from "../../parts/ListBody.tsx"
import { Search, Segments } from "../../parts/ListTools.tsx"
import { paths } from "../../Paths.ts"
import type { ListQuery, PageContext } from "../../ViewModels.ts"
import { CronBulkBar, CronBulkCards, type CronJob } from "./CronBulk.tsx"
import { CronRow } from "./CronRow.tsx"

type Props = { page: PageContext; tasks: ReadonlyArray<CronTaskView> }
type ListProps = Props & { query: ListQuery<CronFilter> }

/** All cron tasks; topic `cron`. */
export const CronPage = ({ page, tasks, jobs = [], query }: ListProps & { jobs?: ReadonlyArray<CronJob> }) => {
  const { cron } = page.t
  return (
    <Shell page={page} title={cron.title} topics="cron">
      <PageHead
        title={cron.title}
        subtitle={cron.subtitle}
        actions={tasks.length === 0 ? undefined : <AddButton page={page} />}
      />
      <CronBulkCards page={page} jobs={jobs} />
      <section class="card" aria-label={cron.title}>
        <div class="tools">
          <Segments
            page={page}
            list="cron"
            base={paths.cron}
            current={query.filter}
            label={page.t.column.status}
            segments={cronSegments(page, tasks)}
          />
          <Search list="cron" base={paths.cron} filter={query.filter} value={query.search} label={cron.find} />
          <CronBulkBar page={page} />
        </div>
        <Members list="cron" version={cronVersion(tasks)} />
        <CronRows page={page} tasks={tasks} query={query} />
      </section>
    </Shell>
  )
}

/** `#cron-list`: the rows, as they are searched for. */
export const CronRows = ({ page, tasks, query }: ListProps) => (
  <ListRows list="cron" version={cronVersion(tasks)} filtered={isFiltered(query)}>
    {isFiltered(query) ? <Filtered page={page} tasks={filterCron(tasks, query)} /> : <All page={page} tasks={tasks} />}
  </ListRows>
)

export const cronVersion = (tasks: ReadonlyArray<CronTaskView>) => membersVersion(tasks.map(({ id }) => id))

/** The counts of the filters, which live updates refresh. */
export const cronSegments = ({ t: { cron } }: PageContext, tasks: ReadonlyArray<CronTaskView>) => {
  const count = (filter: CronFilter | "all") => tasks.filter((task) => cronIs(task, filter)).length
  return [
    { key: "all", label: cron.all, count: count("all") },
    { key: "running", label: cron.running, count: count("running") },
    { key: "failing", label: cron.failing, count: count("failing") },
    { key: "off", label: cron.off, count: count("off") },
  ]
}

const AddButton = ({ page }: { page: PageContext }) => (
  <a class="button button-primary" href={paths.newCron}>
    <Icon name="plus" />
    {page.t.cron.add}
  </a>
)

const All = ({ page, tasks }: Props) =>
  tasks.length === 0 ? (
    <Empty icon="cron" title={page.t.cron.empty} help={page.t.cron.emptyHelp} whole>
      <AddButton page={page} />
    </Empty>
  ) : (
    <Table page={page} tasks={tasks} />
  )

const Filtered = ({ page, tasks }: Props) =>
  tasks.length === 0 ? (
    <Empty icon="filter" title={page.t.cron.noMatch} help={page.t.cron.noMatchHelp}>
      <a class="button" href={paths.cron}>
        {page.t.action.clearFilter}
      </a>
    </Empty>
  ) : (
    <Table page={page} tasks={tasks} />
  )

const Table = ({ page, tasks }: Props) => {
  const { column, cron } = page.t
  return (
    <div class="table-wrap">
      <table class="table table-fixed table-hover table-wide" data-select="bulk">
        <colgroup>
          <col class="width-check" />
          <col />
          <col class="width-node" />
          <col class="width-schedule" />
          <col class="width-run" />
          <col class="width-time" />
          <col class="width-icon" />
        </colgroup>
        <thead>
          <tr>
            <th class="check-cell">
              <input type="checkbox" class="checkbox" data-select-all="" aria-label={page.t.action.selectAll} />
            </th>
            <th scope="col">{cron.task}</th>
            <th scope="col">{column.node}</th>
            <th scope="col">{cron.schedule}</th>
            <th scope="col">{cron.last}</th>
            <th scope="col">{cron.next}</th>
            <th scope="col">
              <span class="hidden">{column.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {tasks.map((task) => (
            <CronRow page={page} task={task} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

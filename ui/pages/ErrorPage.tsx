import { Plain } from "../layout/Plain.tsx"
import { Shell } from "../layout/Shell.tsx"
import { Empty } from "../parts/Empty.tsx"
import { paths } from "../Paths.ts"
import type { PageContext } from "../ViewModels.ts"

const texts = (page: PageContext, status: number): readonly [string, string] => {
  const { problem } = page.t
  switch (status) {
    case 403:
      return [problem.forbidden, problem.forbiddenHelp]
    case 404:
      return [problem.notFound, problem.notFoundHelp]
    case 503:
      return [problem.unavailable, problem.unavailableHelp]
    default:
      return [problem.broken, problem.brokenHelp]
  }
}

/** What a page shows that can't be shown: says what happened and leads back. `defect`: its id in the manager's log. */
export const ErrorPage = ({ page, status, defect }: { page: PageContext; status: number; defect?: string }) => {
  const [title, text] = texts(page, status)
  const help = defect === undefined ? text : `${text} ${page.t.problem.defect(defect)}`
  const body = (
    <section class="card" aria-labelledby="error-title">
      <h1 id="error-title" class="hidden">
        {`${title} (${status})`}
      </h1>
      <Empty icon={status === 404 ? "search" : "alert"} title={title} help={help}>
        <a class="button" href={paths.dashboard}>
          {page.t.problem.toDashboard}
        </a>
      </Empty>
    </section>
  )
  return page.user === null ? (
    <Plain page={page} title={title}>
      {body}
    </Plain>
  ) : (
    <Shell page={page} title={title}>
      {body}
    </Shell>
  )
}

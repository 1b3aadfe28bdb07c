import { processProblem } from "../../../../src/domain/Problem.ts"
import { Bar } from "../../../parts/Bar.tsx"
import { formatNumber } from "../../../parts/Format.ts"
import { Icon } from "../../../parts/Icon.tsx"
import { Time } from "../../../parts/Time.tsx"
import { troubleText } from "../../../parts/Trouble.ts"
import type { PageContext, ReloadView } from "../../../ViewModels.ts"

type Props = { page: PageContext; reload: ReloadView }

/** How far a reload is, or what it came to. It stays until the next one. */
export const ReloadLine = ({ page, reload }: Props) => (
  <div class={`reload reload-${reload.state}`} role="status">
    <p class="reload-words">
      <Sign state={reload.state} />
      <b>{headline(page, reload)}</b>
      {reload.endedAt !== null && (
        <span class="quiet">
          <Time page={page} at={reload.endedAt} /> · {page.t.process.reloadTook(took(page, reload))}
        </span>
      )}
    </p>
    {reload.state === "running" && (
      <Bar
        label={headline(page, reload)}
        parts={[
          { tone: "info", count: reload.replaced },
          { tone: "rest", count: reload.total - reload.replaced },
        ]}
      />
    )}
    {reload.state === "failed" && (
      <p class="reload-reason">
        <span class="bad">{reasonText(page, reload)}</span>
        {reload.total > 0 && <span class="quiet">{page.t.process.reloadKept(reload.replaced, reload.total)}</span>}
      </p>
    )}
  </div>
)

const Sign = ({ state }: { state: ReloadView["state"] }) => {
  switch (state) {
    case "running":
      return <span class="spinner" aria-hidden="true"></span>
    case "done":
      return <Icon name="ok" tone="ok" />
    case "failed":
      return <Icon name="alert" tone="bad" />
    case "superseded":
      return <Icon name="info" tone="quiet" />
  }
}

const headline = (page: PageContext, { replaced, state, total }: ReloadView): string => {
  const { reloadState } = page.t.process
  if (state === "running") return reloadState.running(replaced, total)
  return state === "done" ? reloadState.done(total) : reloadState[state]
}

const reasonText = (page: PageContext, { problem, reason }: ReloadView): string => {
  if (problem !== null && problem !== undefined) return troubleText(page, problem)
  return reason === null ? "" : troubleText(page, processProblem(reason))
}

const took = (page: PageContext, { endedAt, startedAt }: ReloadView) => {
  const seconds = Math.max(0.01, ((endedAt ?? page.now) - startedAt) / 1000)
  return formatNumber(page.lang, seconds, seconds < 1 ? 2 : 1)
}

import { formatNumber } from "../../../parts/Format.ts"
import { Icon } from "../../../parts/Icon.tsx"
import { Time } from "../../../parts/Time.tsx"
import { told } from "../../../parts/Trouble.ts"
import type { ActionView } from "../../../ProcessModels.ts"
import type { PageContext } from "../../../ViewModels.ts"

type Props = { page: PageContext; action: ActionView }

/** What a person has asked of a process set, and what came of it. It stays until the next one. */
export const ActionLine = ({ page, action }: Props) => {
  const { by, endedAt, reason, state } = action
  const text = told(page, { text: reason, problem: action.problem })
  return (
    <div class={`reload reload-${state === "failed" ? "failed" : "done"}`} role="status">
      <p class="reload-words">
        <Sign state={state} />
        <b>{headline(page, action)}</b>
        <span class="quiet">{page.t.deed.by(by)}</span>
        {endedAt !== null && (
          <span class="quiet">
            <Time page={page} at={endedAt} /> · {page.t.deed.took(took(page, action))}
          </span>
        )}
      </p>
      {text !== null && state !== "done" && (
        <p class="reload-reason">
          <span class={state === "failed" ? "bad" : "quiet"}>{text}</span>
        </p>
      )}
    </div>
  )
}

const headline = ({ t: { deed } }: PageContext, { action, state }: ActionView): string => {
  switch (state) {
    case "running":
      return deed.running[action]
    case "done":
      return deed.done[action]
    case "failed":
      return deed.failed[action]
    case "kept":
      return `${deed.running[action]}: ${deed.kept}`
    case "pending":
      return `${deed.running[action]}: ${deed.pending}`
  }
}

const Sign = ({ state }: { state: ActionView["state"] }) => {
  if (state === "running") return <span class="spinner" aria-hidden="true"></span>
  if (state === "done") return <Icon name="ok" tone="ok" />
  return state === "failed" ? <Icon name="alert" tone="bad" /> : <Icon name="clock" tone="quiet" />
}

const took = (page: PageContext, { endedAt, startedAt }: ActionView) => {
  const seconds = Math.max(0.01, ((endedAt ?? page.now) - startedAt) / 1000)
  return formatNumber(page.lang, seconds, seconds < 1 ? 2 : 1)
}

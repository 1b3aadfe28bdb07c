import type { CronTaskView } from "../../../src/domain/CronView.ts"
import { Callout } from "../../parts/Field.tsx"
import { paths } from "../../Paths.ts"
import type { PageContext } from "../../ViewModels.ts"
import { placeText, placeTone } from "./PlaceText.ts"

type Props = { page: PageContext; task: CronTaskView }

/** `#cron-place`: why the task is not where it should be, or what it will lack there; nothing when all is well. */
export const Place = ({ page, task }: Props) => {
  const text = placeText(page, task)
  return (
    <div id="cron-place" class="stack">
      {text !== undefined && (
        <Callout tone={placeTone(task)}>
          <p>
            {text} <ClientLink page={page} task={task} />
          </p>
          <MoveAnyway page={page} task={task} />
        </Callout>
      )}
    </div>
  )
}

const ClientLink = ({ page, task: { lacks, place } }: Props) =>
  place.state === "here" && lacks?.what === "client" && lacks.serviceId !== null ? (
    <a href={paths.tab(lacks.serviceId, "clients")}>{page.t.cron.lacksClientLink}</a>
  ) : null

const MoveAnyway = ({ page, task }: Props) => {
  const { cron } = page.t
  if (task.place.state !== "waiting" || task.place.connected) return null
  return (
    <p>
      <button
        type="button"
        class="button button-small"
        hx-post={paths.releaseCron(task.id)}
        hx-confirm={cron.moveTitle(task.name)}
        data-confirm-help={cron.moveHelp(task.place.nodeName)}
        data-confirm-yes={cron.moveAnyway}
        data-confirm-danger=""
      >
        {cron.moveAnyway}
      </button>
    </p>
  )
}

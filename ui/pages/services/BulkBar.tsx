import { Icon } from "../../parts/Icon.tsx"
import { paths } from "../../Paths.ts"
import type { BulkJob } from "../../ProcessModels.ts"
import type { PageContext } from "../../ViewModels.ts"

type Action = BulkJob["action"]

const icons = { start: "power", stop: "power", restart: "refresh", reload: "restart" } as const
const helps = { stop: "stop", restart: "restart" } as const

/** What can be done with the chosen services. It shows itself when one is chosen. */
export const BulkBar = ({ page }: { page: PageContext }) => (
  <form id="bulk" class="bulk" hx-post={paths.bulk}>
    <span data-selected={page.t.bulk.selected} class="quiet"></span>
    {(["start", "reload", "restart", "stop"] as const).map((action) => (
      <BulkButton page={page} action={action} />
    ))}
  </form>
)

const BulkButton = ({ page, action }: { page: PageContext; action: Action }) => {
  const { bulk, deed, process } = page.t
  const confirm =
    action === "start"
      ? {}
      : {
          "hx-confirm": bulk.confirm[action],
          "data-confirm-help": action === "reload" ? process.reloadHelp : deed.help[helps[action]],
          "data-confirm-yes": bulk.title[action],
          ...(action === "stop" ? { "data-confirm-danger": "" } : {}),
        }
  return (
    <button
      type="button"
      class="button button-small"
      hx-post={paths.bulk}
      hx-vals={JSON.stringify({ action })}
      {...confirm}
    >
      <Icon name={icons[action]} />
      {bulk.title[action]}
    </button>
  )
}

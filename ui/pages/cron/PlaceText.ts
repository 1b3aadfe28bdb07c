import type { CronTaskView } from "../../../src/domain/CronView.ts"
import type { Tone } from "../../parts/Status.tsx"
import { troubleText } from "../../parts/Trouble.ts"
import type { PageContext } from "../../ViewModels.ts"

/** Why a task is not where it should be, or what it lacks there; undefined: all is well. */
export const placeText = (page: PageContext, task: CronTaskView): string | undefined => {
  const { cron } = page.t
  const { lacks, node, place } = task
  const name = node.name ?? node.ip
  switch (place.state) {
    case "waiting":
      return place.connected ? cron.waitsEnding(place.nodeName) : cron.waitsAway(place.nodeName)
    case "sending":
      return cron.sending(name)
    case "refused":
      return cron.refused(name, troubleText(page, place.problem))
    case "away":
      return cron.away(name)
    case "no-node":
      return cron.noNode(node.ip)
    case "here":
      if (lacks === null) return undefined
      return lacks.what === "service" ? cron.lacksService(lacks.service) : cron.lacksClient(lacks.service)
  }
}

export const placeTone = ({ place }: CronTaskView): Extract<Tone, "info" | "warn" | "bad"> => {
  if (place.state === "refused") return "bad"
  return place.state === "sending" || (place.state === "waiting" && place.connected) ? "info" : "warn"
}

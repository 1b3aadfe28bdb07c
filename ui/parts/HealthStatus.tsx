import type { Health, PageContext } from "../ViewModels.ts"
import { Status, type Tone } from "./Status.tsx"

export const healthTone: Readonly<Record<Health, Tone>> = {
  healthy: "ok",
  degraded: "warn",
  down: "bad",
  off: "off",
  unknown: "off",
}

export const HealthStatus = ({ page, health }: { page: PageContext; health: Health }) => (
  <Status tone={healthTone[health]}>{page.t.health[health]}</Status>
)

import { PageHead } from "../../layout/PageHead.tsx"
import { Shell } from "../../layout/Shell.tsx"
import type { DashboardModel, PageContext } from "../../ViewModels.ts"
import { Attention } from "./Attention.tsx"
import { FirstSteps } from "./FirstSteps.tsx"
import { ServicesCard } from "./ServicesCard.tsx"
import { Tiles } from "./Tiles.tsx"

export const DashboardPage = ({ page, model }: { page: PageContext; model: DashboardModel }) => (
  <Shell page={page} title={page.t.dashboard.title} topics="services,nodes,cron">
    <PageHead title={page.t.dashboard.title} subtitle={page.t.dashboard.subtitle} />
    <Tiles page={page} model={model} />
    <FirstSteps page={page} model={model} />
    <div class="halves">
      <Attention page={page} model={model} />
      <ServicesCard page={page} model={model} />
    </div>
  </Shell>
)

import type { InspectionView } from "../../src/domain/Inspection.ts"
import { CrashPage } from "../../ui/pages/service/crashes/CrashPage.tsx"
import { Crashes } from "../../ui/pages/service/crashes/Crashes.tsx"
import { Usage } from "../../ui/pages/service/crashes/Usage.tsx"
import { ServicePage } from "../../ui/pages/service/ServicePage.tsx"
import { paths } from "../../ui/Paths.ts"
import type { PageContext } from "../../ui/ViewModels.ts"
import * as crashes from "./galleryCrashes.ts"
import { service } from "./galleryFixtures.ts"

const path = paths.tab(service.id, "process")

/** The cards of the tab that this is about, without the others. */
const cards = (view: InspectionView) => ({
  path,
  page: (page: PageContext) => (
    <ServicePage page={page} service={service} tab="process">
      <Usage page={page} service={service} view={view} />
      <Crashes page={page} service={service} view={view} />
    </ServicePage>
  ),
})

export const crashStates = {
  "process-stopping": cards(crashes.inspected),
  "process-calm": cards(crashes.calm),
  "crash-report": {
    path: paths.crash(service.id, crashes.crashReport.id),
    page: (page: PageContext) => <CrashPage page={page} service={service} crash={crashes.crashReport} />,
  },
}

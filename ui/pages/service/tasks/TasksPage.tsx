import type { TasksView } from "../../../../src/domain/TaskFigures.ts"
import { Callout } from "../../../parts/Field.tsx"
import type { PageContext, ServiceDetail } from "../../../ViewModels.ts"
import { ServicePage } from "../ServicePage.tsx"
import { Letters } from "./Letters.tsx"
import { Queues } from "./Queues.tsx"

type Props = { page: PageContext; service: ServiceDetail; view: TasksView }

/** The queued work of a service: how much there is on each node, and what was given up. */
export const TasksPage = ({ page, service, view }: Props) => (
  <ServicePage page={page} service={service} tab="tasks">
    {service.kernel ? (
      <Callout tone="info">
        <p>{page.t.tasks.kernelHelp}</p>
      </Callout>
    ) : (
      <>
        <Queues page={page} service={service} view={view} />
        <Letters page={page} service={service} view={view} />
      </>
    )}
  </ServicePage>
)

import { Card } from "../../../parts/Card.tsx"
import { Empty } from "../../../parts/Empty.tsx"
import type { PageContext, ServiceDetail } from "../../../ViewModels.ts"
import { ServiceDeeds } from "./Deeds.tsx"
import { Place } from "./Place.tsx"

type Props = { page: PageContext; service: ServiceDetail }

/** `#instances`: the service's processes on each node, one by one, and what can be done with them. */
export const Instances = ({ page, service }: Props) => {
  const { process } = page.t
  const spec = service.process
  if (spec === null) return <div id="instances" hidden></div>
  const { instances } = spec
  return (
    <Card
      id="instances"
      title={process.instances}
      actions={<ServiceDeeds page={page} service={service} process={spec} />}
    >
      {instances.length === 0 ? (
        <Empty icon="process" title={process.noInstances} help={process.noInstancesHelp} />
      ) : (
        instances.map((instance) => <Place page={page} service={service} process={spec} instance={instance} />)
      )}
    </Card>
  )
}

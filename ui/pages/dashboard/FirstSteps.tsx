import { Card } from "../../parts/Card.tsx"
import { Icon } from "../../parts/Icon.tsx"
import { paths } from "../../Paths.ts"
import type { DashboardModel, PageContext } from "../../ViewModels.ts"

type Step = {
  readonly done: boolean
  readonly title: string
  readonly help: string
  readonly href: string
  readonly dialog?: boolean
}

const stepsOf = (page: PageContext, model: DashboardModel): ReadonlyArray<Step> => {
  const { dashboard } = page.t
  const own = model.services.filter((service) => !service.kernel)
  const first = own[0]
  return [
    {
      done: model.nodes.some((node) => node.connection !== "revoked"),
      title: dashboard.startNode,
      help: dashboard.startNodeHelp,
      href: paths.join,
      dialog: true,
    },
    { done: own.length > 0, title: dashboard.startService, help: dashboard.startServiceHelp, href: paths.newService },
    {
      done: own.some((service) => service.clients.current > 0),
      title: dashboard.startClients,
      help: dashboard.startClientsHelp,
      href: first === undefined ? paths.services : paths.tab(first.id, "clients"),
    },
  ]
}

/** `#first-steps`: the way of a newcomer, until it is gone. The first step that is not done is the primary one. */
export const FirstSteps = ({ page, model }: { page: PageContext; model: DashboardModel }) => {
  const steps = stepsOf(page, model)
  const next = steps.findIndex((step) => !step.done)
  if (next === -1) return <div id="first-steps" hidden></div>
  return (
    <Card id="first-steps" title={page.t.dashboard.start}>
      <ol class="steps">
        {steps.map((step, index) => (
          <li class={step.done ? "step step-done" : "step"}>
            <span class="step-mark" aria-hidden="true">
              {step.done ? <Icon name="check" /> : index + 1}
            </span>
            <div class="step-text">
              <p class="step-title">{step.title}</p>
              <p class="quiet">{step.help}</p>
            </div>
            {step.done ? (
              <span class="quiet">{page.t.dashboard.done}</span>
            ) : (
              <StepLink step={step} primary={index === next} />
            )}
          </li>
        ))}
      </ol>
    </Card>
  )
}

const StepLink = ({ step, primary }: { step: Step; primary: boolean }) => {
  const look = primary ? "button button-primary" : "button"
  return step.dialog === true ? (
    <button type="button" class={look} hx-get={step.href} hx-target="#dialogs" hx-swap="innerHTML">
      {step.title}
    </button>
  ) : (
    <a class={look} href={step.href}>
      {step.title}
    </a>
  )
}

import { describe, expect, test } from "bun:test"
import { ClientRemoved, EndpointSwitched } from "../../ui/Answers.tsx"
import { openProcessForm } from "../../ui/forms/ProcessFields.ts"
import { openServiceForm } from "../../ui/forms/ServiceFields.ts"
import {
  liveCalls,
  liveCron,
  liveCronTask,
  liveDashboard,
  liveNodes,
  liveService,
  liveServices,
  liveTasks,
} from "../../ui/Live.tsx"
import { readLogsQuery } from "../../ui/Lists.ts"
import type { CronFormModel } from "../../ui/CronModels.ts"
import { CronForm } from "../../ui/pages/cron/CronForm.tsx"
import { CronFormPage } from "../../ui/pages/cron/CronFormPage.tsx"
import { CronPage } from "../../ui/pages/cron/CronPage.tsx"
import { CronTaskPage } from "../../ui/pages/cron/CronTaskPage.tsx"
import { OutputPage } from "../../ui/pages/cron/OutputPage.tsx"
import { LogsPage } from "../../ui/pages/service/logs/LogsPage.tsx"
import { DashboardPage } from "../../ui/pages/dashboard/DashboardPage.tsx"
import { JoinCommand } from "../../ui/pages/nodes/JoinDialog.tsx"
import { NodesPage } from "../../ui/pages/nodes/NodesPage.tsx"
import { LoginPage } from "../../ui/pages/people/LoginPage.tsx"
import { AddClientsDialog } from "../../ui/pages/service/AddClientsDialog.tsx"
import { ClientsPage } from "../../ui/pages/service/ClientsPage.tsx"
import { EndpointsPage } from "../../ui/pages/service/EndpointsPage.tsx"
import { GuardDialog } from "../../ui/pages/service/GuardDialog.tsx"
import { ProcessPage } from "../../ui/pages/service/process/ProcessPage.tsx"
import { PushDialog } from "../../ui/pages/service/PushDialog.tsx"
import { ServiceFormPage } from "../../ui/pages/service-form/ServiceFormPage.tsx"
import { ServicesPage } from "../../ui/pages/services/ServicesPage.tsx"
import { CallAnswer } from "../../ui/pages/service/calls/Answer.tsx"
import { CallForm } from "../../ui/pages/service/calls/Console.tsx"
import { CallsPage } from "../../ui/pages/service/calls/CallsPage.tsx"
import { TasksPage } from "../../ui/pages/service/tasks/TasksPage.tsx"
import { Toast } from "../../ui/parts/Toast.tsx"
import { render } from "../../ui/Render.ts"
import { answers, jsonConsole, poisonedCalls, wrongConsole } from "../support/galleryCalls.ts"
import { busyTasks } from "../support/galleryTasks.ts"
import * as cron from "../support/galleryCron.ts"
import * as fixtures from "../support/galleryFixtures.ts"
import * as fleet from "../support/galleryFleet.ts"

const hostile = `"><img src=x onerror=alert(1)></textarea></script><script>alert(2)</script>'&\n\${1}`

/** Fields that people or nodes fill with any text; ids, states and numbers are the manager's own. */
const free = new Set(
  "name description nodeName shell user cwd argv expression timeZone retries timeout node method hash task payload signature code detail json details curl muster rest endpoint reason message error ip by modifiedBy createdBy releasedBy module version serviceName".split(
    " ",
  ),
)

const poison = <T,>(value: T): T => {
  if (Array.isArray(value)) return value.map((item) => poison(item)) as T
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).map(([key, inner]) => {
    if (key === "env") return [key, { A: hostile }]
    return [key, free.has(key) && typeof inner === "string" ? hostile : poison(inner)]
  })
  return Object.fromEntries(entries) as T
}

const page = { ...fixtures.contextOf("en", "auto", `/services?q=${hostile}`), csrf: hostile, user: { name: hostile } }
const service = poison({ ...fixtures.withDraft, process: fixtures.service.process })
const services = poison(fixtures.services)
const nodes = poison(fleet.nodes)
const tokens = poison(fleet.tokens)
const dashboard = { ...fleet.dashboard, services, nodes }
const job = poison(fixtures.runningJob)
const form = openServiceForm(service)
const query = { filter: "all", search: hostile } as const
const text = (fragments: ReadonlyArray<{ html: string }>) => fragments.map(({ html }) => html).join("")

const calls = poison(poisonedCalls)
const cronTask = poison(cron.report)
const cronForm = (model: CronFormModel): CronFormModel => {
  const hostileModel = poison(model)
  return { ...hostileModel, values: { ...hostileModel.values, env: hostile } }
}

const rendered: Readonly<Record<string, () => string>> = {
  calls: () => render(<CallsPage page={page} service={service} view={calls} console={poison(jsonConsole)} />),
  tasks: () => render(<TasksPage page={page} service={service} view={poison(busyTasks)} />),
  "tasks, live": () => text(liveTasks(page, service, poison(busyTasks))),
  "console, fields": () => render(<CallForm page={page} model={poison(wrongConsole)} />),
  "console, answers": () => render(<CallAnswer page={page} answer={poison(answers)} />),
  "calls, live": () => text(liveCalls(page, service, calls)),
  "cron tasks": () => render(<CronPage page={page} tasks={poison(cron.tasks)} query={query} />),
  "a cron task": () => render(<CronTaskPage page={page} task={cronTask} view={poison(cron.runs)} />),
  "cron tasks, live": () =>
    text([...liveCron(page, poison(cron.tasks)), ...liveCronTask(page, cronTask, poison(cron.runs))]),
  "cron form": () => render(<CronFormPage page={page} model={cronForm(cron.editForm)} zones={[hostile]} />),
  "cron form, wrong": () => render(<CronForm page={page} model={cronForm(cron.wrongForm)} />),
  "cron output": () =>
    render(
      <OutputPage
        page={page}
        task={cronTask}
        run={poison(cron.run(1, { reason: hostile }))}
        output={{ head: hostile, tail: hostile, omitted: 1 }}
      />,
    ),
  logs: () =>
    render(
      <LogsPage
        page={page}
        service={service}
        query={{ ...readLogsQuery(new URLSearchParams()), search: hostile, node: hostile, from: hostile }}
      />,
    ),
  login: () => render(<LoginPage page={page} model={{ name: hostile, next: hostile, error: null }} />),
  dashboard: () => render(<DashboardPage page={page} model={dashboard} />),
  services: () => render(<ServicesPage page={page} services={services} query={query} />),
  "service form, rows": () => render(<ServiceFormPage page={page} model={form} />),
  "service form, JSON": () =>
    render(
      <ServiceFormPage
        page={page}
        model={{
          ...form,
          values: { ...form.values, mode: "json", json: hostile },
          errors: { json: { kind: "items", problems: [{ index: 0, field: hostile, kind: "unknown" }] } },
          stale: { revision: 4, by: hostile },
        }}
      />,
    ),
  endpoints: () => render(<EndpointsPage page={page} service={service} />),
  clients: () => render(<ClientsPage page={page} service={service} job={job} query={query} />),
  process: () => render(<ProcessPage page={page} service={service} form={openProcessForm(service.process)} />),
  nodes: () => render(<NodesPage page={page} nodes={nodes} tokens={tokens} query={query} />),
  "push dialog": () => render(<PushDialog page={page} preview={poison(fixtures.preview)} />),
  "guard dialog": () =>
    render(<GuardDialog page={page} verdict={{ _tag: "Empty" }} method="put" path="/x" values={{ ip: hostile }} />),
  "add clients": () =>
    render(
      <AddClientsDialog
        page={page}
        model={{
          serviceId: "1",
          serviceName: hostile,
          text: hostile,
          candidates: [{ ip: hostile, name: hostile }],
          error: { kind: "address", ip: hostile },
        }}
      />,
    ),
  "join command": () =>
    render(<JoinCommand page={page} token={{ kind: "once", token: hostile, expiresAt: 0, command: hostile }} />),
  answers: () =>
    render(
      <Toast page={page} tone="bad" text={hostile} />,
      <ClientRemoved page={page} serviceId="1" client={{ ...service.clientsList[0]!, id: "1" }} />,
      <EndpointSwitched page={page} serviceId="1" endpoint={{ ip: hostile, port: 1 }} status="online" revision={1} />,
    ),
  live: () =>
    text([
      ...liveDashboard(page, dashboard),
      ...liveServices(page, services),
      ...liveService(page, service, job),
      ...liveNodes(page, nodes, tokens),
    ]),
}

type Found = { readonly elements: Set<string>; readonly handlers: Array<string>; readonly inlineScripts: Array<string> }

const inspect = (html: string): Found => {
  const found: Found = { elements: new Set(), handlers: [], inlineScripts: [] }
  new HTMLRewriter()
    .on("*", {
      element: (element) => {
        found.elements.add(element.tagName)
        for (const [name] of element.attributes) if (/^on|^style$|^hx-on/.test(name)) found.handlers.push(name)
        if (element.tagName === "script" && !element.hasAttribute("src")) found.inlineScripts.push(element.tagName)
      },
    })
    .transform(html)
  return found
}

describe("hostile text", () => {
  for (const [name, make] of Object.entries(rendered)) {
    test(`stays text in ${name}`, () => {
      const html = make()
      const { elements, handlers, inlineScripts } = inspect(html)
      expect(html).toContain("&lt;img src=x")
      expect({ image: elements.has("img"), handlers, inlineScripts }).toEqual({
        image: false,
        handlers: [],
        inlineScripts: [],
      })
    })
  }

  test("would be found if it were not escaped", () => {
    expect(inspect(hostile).elements.has("img")).toBe(true)
  })

  test("in htmx's values is JSON, so that it can't become another parameter", () => {
    const html = render(
      <EndpointSwitched page={page} serviceId="1" endpoint={{ ip: hostile, port: 1 }} status="online" revision={1} />,
    )
    const values: Array<string> = []
    new HTMLRewriter()
      .on("[hx-vals]", { element: (element) => void values.push(element.getAttribute("hx-vals") ?? "") })
      .transform(html)
    const decoded = values[0]
      ?.replaceAll("&quot;", '"')
      .replaceAll("&#39;", "'")
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&amp;", "&")
    expect(JSON.parse(decoded ?? "")).toEqual({ ip: hostile, port: "1", status: "offline" })
  })
})

import { describe, expect, test } from "bun:test"
import {
  liveCalls,
  liveCron,
  liveCronTask,
  type LiveFragment,
  liveDashboard,
  liveNodes,
  liveService,
  liveServices,
  liveTasks,
} from "../../ui/Live.tsx"
import { CronPage } from "../../ui/pages/cron/CronPage.tsx"
import { CronTaskPage } from "../../ui/pages/cron/CronTaskPage.tsx"
import { DashboardPage } from "../../ui/pages/dashboard/DashboardPage.tsx"
import { NodesPage } from "../../ui/pages/nodes/NodesPage.tsx"
import { ClientsPage } from "../../ui/pages/service/ClientsPage.tsx"
import { EndpointsPage } from "../../ui/pages/service/EndpointsPage.tsx"
import { CallsPage } from "../../ui/pages/service/calls/CallsPage.tsx"
import { ProcessPage } from "../../ui/pages/service/process/ProcessPage.tsx"
import { TasksPage } from "../../ui/pages/service/tasks/TasksPage.tsx"
import { ServicesPage } from "../../ui/pages/services/ServicesPage.tsx"
import { openProcessForm } from "../../ui/forms/ProcessFields.ts"
import { render } from "../../ui/Render.ts"
import { consoleForm, poisonedCalls, unknownCalls } from "../support/galleryCalls.ts"
import { busyTasks, noTasks } from "../support/galleryTasks.ts"
import * as cron from "../support/galleryCron.ts"
import * as fixtures from "../support/galleryFixtures.ts"
import * as fleet from "../support/galleryFleet.ts"

const page = fixtures.contextOf("en", "auto")
const all = { filter: "all", search: "" } as const
const { service } = fixtures

const idsOf = (html: string) => {
  const ids: Array<string> = []
  new HTMLRewriter()
    .on("[id]", { element: (element) => void ids.push(element.getAttribute("id") ?? "") })
    .transform(html)
  return ids
}

const views: Readonly<Record<string, { fragments: ReadonlyArray<LiveFragment>; pages: ReadonlyArray<string> }>> = {
  "the dashboard": {
    fragments: liveDashboard(page, fleet.dashboard),
    pages: [render(<DashboardPage page={page} model={fleet.dashboard} />)],
  },
  "the services": {
    fragments: liveServices(page, fixtures.services),
    pages: [render(<ServicesPage page={page} services={fixtures.services} query={all} />)],
  },
  "a service": {
    fragments: liveService(page, service, fixtures.runningJob),
    pages: [
      render(<EndpointsPage page={page} service={service} />),
      render(<ClientsPage page={page} service={service} job={undefined} query={all} />),
      render(<ProcessPage page={page} service={service} form={openProcessForm(service.process)} />),
    ],
  },
  "the calls of a service": {
    fragments: liveCalls(page, service, poisonedCalls),
    pages: [render(<CallsPage page={page} service={service} view={poisonedCalls} console={consoleForm} />)],
  },
  "the calls of a service that nobody has called": {
    fragments: liveCalls(page, service, unknownCalls),
    pages: [render(<CallsPage page={page} service={service} view={unknownCalls} console={consoleForm} />)],
  },
  "the tasks of a service": {
    fragments: liveTasks(page, service, busyTasks),
    pages: [render(<TasksPage page={page} service={service} view={noTasks} />)],
  },
  "the cron tasks": {
    fragments: liveCron(page, cron.tasks),
    pages: [render(<CronPage page={page} tasks={cron.tasks} query={all} />)],
  },
  "a cron task": {
    fragments: liveCronTask(page, cron.report, cron.runs),
    pages: [render(<CronTaskPage page={page} task={cron.report} view={cron.noRuns} />)],
  },
  "the nodes": {
    fragments: liveNodes(page, fleet.nodes, fleet.tokens),
    pages: [render(<NodesPage page={page} nodes={fleet.nodes} tokens={fleet.tokens} query={all} />)],
  },
}

describe("live updates of", () => {
  for (const [name, { fragments, pages }] of Object.entries(views)) {
    test(`${name} aim at elements that the page has`, () => {
      const known = new Set(pages.flatMap(idsOf))
      expect(fragments.map(({ key }) => key).filter((key) => !known.has(key))).toEqual([])
    })

    test(`${name} bring the element that they replace, each once`, () => {
      const keys = fragments.map(({ key }) => key)
      expect(new Set(keys).size).toBe(keys.length)
      for (const { key, html } of fragments) {
        expect(html).toStartWith(`<hx-partial hx-target="#${key}"`)
        if (!html.includes('hx-swap="innerHTML"')) expect(idsOf(html)[0]).toBe(key)
      }
    })

    test(`${name} have ids that a selector can hold`, () => {
      expect(fragments.map(({ key }) => key).filter((key) => !/^[a-z][A-Za-z0-9_-]*$/.test(key))).toEqual([])
    })
  }

  test("each page have every id once", () => {
    for (const html of Object.values(views).flatMap(({ pages }) => pages)) {
      const ids = idsOf(html)
      expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
    }
  })

  test("a push that has ended offer the next one, and give way to what was released after it", () => {
    const push = (released: typeof service, job: typeof fixtures.runningJob) =>
      liveService(page, released, job).find(({ key }) => key === "push")?.html ?? ""
    const again = page.t.clients.pushAll(service.clientsList.length)
    const same = { ...service, revision: fixtures.finishedJob.revision }
    expect(push(same, fixtures.runningJob)).not.toContain(again)
    expect(push(same, fixtures.finishedJob)).toContain(again)
    expect(push(same, fixtures.finishedJob)).toContain(page.t.push.finished)
    const newer = { ...service, revision: fixtures.finishedJob.revision + 1 }
    expect(push(newer, fixtures.finishedJob)).toContain(again)
    expect(push(newer, fixtures.finishedJob)).not.toContain(page.t.push.finished)
    expect(push(newer, fixtures.runningJob)).toContain(page.t.push.running)
  })

  test("a list tell of a new member, and of nothing when only a row changes", () => {
    const marker = (clients: typeof service.clientsList) =>
      liveService(page, { ...service, clientsList: clients }, undefined).find(({ key }) => key === "clients-members")
        ?.html
    const [first, ...others] = service.clientsList
    const changed = [{ ...first!, revision: 1 }, ...others]
    expect(marker(changed)).toBe(marker(service.clientsList)!)
    expect(marker(others)).not.toBe(marker(service.clientsList)!)
    expect(marker([...others, first!])).not.toBe(marker(service.clientsList)!)
  })
})

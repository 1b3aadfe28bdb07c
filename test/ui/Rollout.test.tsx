import { expect, test } from "bun:test"
import { ServiceRow } from "../../ui/pages/services/ServiceRow.tsx"
import { Rollout } from "../../ui/pages/service/process/Rollout.tsx"
import { render } from "../../ui/Render.ts"
import { contextOf, service } from "../support/galleryFixtures.ts"
import { process } from "../support/galleryProcesses.ts"

const page = contextOf("en", "light")

const [instance] = process.instances
const startedAt = 1_000_000
const worker = { slot: 0, pid: 7, state: "RUNNING", ready: true, restarts: 0, reason: null, adopted: false } as const

/** One place that has what was pushed, whose reload failed; `since`: when what runs there was started. */
const rolledOut = (since: number) => {
  if (instance?.status === null || instance?.status === undefined) throw new Error("the fixture reports nothing")
  const place = {
    ...instance,
    delivery: { ...instance.delivery, state: "acked" as const },
    reload: { state: "failed" as const, replaced: 0, total: 1, reason: "no", startedAt, endedAt: 1, problem: null },
    status: { ...instance.status, workers: [{ ...worker, since }], taskWorkers: [] },
  }
  return render(<Rollout page={page} service={{ ...service, process: { ...process, instances: [place] } }} />)
}

test("a place that could not start the new revision, and runs the former one, is not up to date", () => {
  expect(rolledOut(startedAt - 1)).toContain("1 failed, and run what ran before")
  expect(rolledOut(startedAt - 1)).toContain("0 up to date")
  expect(rolledOut(startedAt + 1)).toContain("1 up to date")
  expect(rolledOut(startedAt + 1)).not.toContain("failed, and run")
})

test("a service that was stopped is said to stop for as long as something of it runs", () => {
  const row = (stopping: number) => {
    const processes = { kind: "module", desired: "stopped", wanted: 0, running: 0, stopping } as const
    const stopped = { ...service, processes: { ...processes, workers: { ready: 0, want: 0 } } }
    return render(<ServiceRow page={page} service={stopped} />)
  }
  expect(row(2)).toContain("Stops on 2 nodes")
  expect(row(0)).toContain("Stopped")
})

import { expect, test } from "bun:test"
import type { SessionState } from "../../../src/manager/fleet/NodeSession.ts"
import { healthOf, observeNowhere } from "../../../src/manager/fleet/Observe.ts"

/** What a node tells of a service whose processes are so ready. */
const seen = (reason: string | null, ...ready: ReadonlyArray<boolean>) => {
  const workers = ready.map((isReady, slot) => ({ slot, pid: slot + 1, state: "RUNNING", ready: isReady }))
  const process = { service: "probed", listen: null, state: "RUNNING", reason, waitingFor: null, since: 1, workers }
  return observeNowhere({ status: { processes: [process] } } as unknown as SessionState, "probed")
}

const health = (reason: string | null, ...ready: ReadonlyArray<boolean>) =>
  healthOf([{ online: true, state: seen(reason, ...ready).state }])

test("a service of which nothing is ready is not healthy, whatever runs of it", () => {
  const unready = "not ready: readiness: exit code 1 from /bin/false"
  expect(seen(unready, false, false)).toMatchObject({ state: "down", reason: unready })
  expect(health(unready, false, false)).toBe("down")
  expect(seen(unready, false, true).state).toBe("up")
  expect(health(null, true)).toBe("healthy")
  // Its probe has not said anything yet.
  expect(seen(null, false).state).toBe("starting")
})

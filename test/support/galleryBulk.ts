import type { ServicesJob } from "../../ui/pages/services/ServicesBulk.tsx"
import * as fixtures from "./galleryFixtures.ts"
import { now } from "./galleryTimes.ts"

type Item = ServicesJob["items"][number]

const items = (...found: ReadonlyArray<Pick<Item, "state" | "reason">>): ReadonlyArray<Item> =>
  fixtures.services.slice(1).flatMap(({ id, name }, index) => {
    const one = found[index]
    return one === undefined ? [] : [{ id, name, ...one }]
  })

const begun = { action: "restart", by: "lin.wei", startedAt: now - 4_000, endedAt: null } as const

/** An action on several services while it runs. */
export const running: ServicesJob = {
  ...begun,
  items: items(
    { state: "done", reason: null },
    { state: "failed", reason: "node-15: Exited with code 3" },
    { state: "kept", reason: null },
    { state: "running", reason: null },
    { state: "queued", reason: null },
  ),
}

const long =
  "node-15: The folder /srv/mailer/releases/2026-11-26T03-00-00/current does not exist; node-16: No connection to 10.20.2.16:8821: nothing listens there (ECONNREFUSED)"

/** The same when it is over, and went badly. */
export const failed: ServicesJob = {
  ...begun,
  endedAt: now,
  items: items(
    { state: "done", reason: null },
    { state: "failed", reason: long },
    { state: "kept", reason: "node-17: The first connection is not up yet" },
    ...Array.from({ length: 8 }, () => ({ state: "failed" as const, reason: long })),
  ),
}

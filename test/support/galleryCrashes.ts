import type { CrashDetail, CrashLine, InspectedInstance, InspectionView } from "../../src/domain/Inspection.ts"
import { now } from "./galleryFixtures.ts"

const MiB = 1024 ** 2
const second = 1_000

const web03 = { nodeId: "n3", nodeName: "web-03", name: "order.svc@9501" }
const web04 = { nodeId: "n4", nodeName: "web-04", name: "order.svc@9501" }

const running = (whose: typeof web03, slot: number, rssBytes: number, cpuPercent: number): InspectedInstance => ({
  ...whose,
  kind: "calls",
  slot,
  pid: 4_700 + slot,
  usage: { rssBytes, cpuPercent, processes: slot + 1 },
  leaving: [],
})

const stopping: InspectedInstance = {
  ...web04,
  kind: "calls",
  slot: 1,
  pid: 5_002,
  usage: null,
  leaving: [
    {
      pid: 5_002,
      elapsedMs: 21_400,
      killInMs: 10_600,
      processes: [
        { pid: 5_002, state: "S", command: "muster --role=worker --worker=order.svc@9501/1" },
        {
          pid: 5_017,
          state: "D",
          command: "/usr/bin/convert -resize 1200x1200 /srv/order/invoice-20260801-000451.pdf",
        },
      ],
      openCalls: [
        { method: "Report.monthly", ageMs: 184_000, remote: "10.20.40.17:51822" },
        { method: "Order.export", ageMs: 22_300, remote: "10.20.40.21:40212" },
      ],
      openCallCount: 2,
    },
  ],
}

const crash = (id: string, over: Partial<CrashLine>): CrashLine => ({
  ...web03,
  id,
  kind: "calls",
  slot: 0,
  pid: 4_700,
  at: now - 240 * second,
  ranMs: 5_400_000,
  code: null,
  signal: "SIGSEGV",
  outOfMemory: false,
  reason: "killed by SIGSEGV",
  specRevision: 12,
  lastGoodRevision: 11,
  ...over,
})

const lines = [
  crash("01M8B4ZWR48BSQFPBWAX8P3RGD", {}),
  crash("01M8B4ZWR48BSQFPBWAX8P3RGC", {
    ...web04,
    slot: 1,
    at: now - 7_200 * second,
    ranMs: 2_100,
    signal: null,
    code: 3,
    reason: "exited with code 3",
  }),
  crash("01M8B4ZWR48BSQFPBWAX8P3RGB", {
    kind: "tasks",
    at: now - 86_400 * second,
    ranMs: 260_000_000,
    signal: "SIGKILL",
    outOfMemory: true,
    reason: "killed by SIGKILL: out of memory (limit 512 MiB)",
    lastGoodRevision: null,
  }),
]

export const inspected: InspectionView = {
  known: true,
  instances: [running(web03, 0, 148 * MiB, 12.4), running(web03, 1, 151.3 * MiB, 104.2), stopping],
  portHolders: [
    { nodeId: "n5", nodeName: "web-05", name: "order.svc@9501", holder: "pid 4711 (nginx: master process)" },
  ],
  crashes: lines,
  silent: [{ nodeName: "web-06", problem: { _tag: "NoAnswer" } }],
}

export const calm: InspectionView = {
  ...inspected,
  instances: inspected.instances.slice(0, 2),
  portHolders: [],
  crashes: [],
  silent: [],
}

export const crashReport: CrashDetail = {
  ...crash("01M8B4ZWR48BSQFPBWAX8P3RGD", {}),
  log: Array.from({ length: 40 }, (_, index) => ({
    at: now - 240 * second - (40 - index) * 731,
    stream: index > 36 ? ("err" as const) : ("out" as const),
    text:
      index > 36
        ? `native-image: assertion failed at /srv/order/node_modules/native-image/build/Release/image.node:${index}`
        : `INFO order ${10_451 + index} priced in ${12 + (index % 7)} ms trace=4bf92f3577b34da6a3ce929d0e0e4736`,
  })),
  samples: Array.from({ length: 60 }, (_, index) => ({
    at: now - 240 * second - (60 - index) * second,
    rssBytes: (140 + index * 4.2) * MiB,
    cpuPercent: 30 + 25 * Math.sin(index / 4) + index / 2,
    loopLagMs: index > 50 ? index * 9 : 3 + (index % 5),
  })),
  openCalls: [
    { method: "Image.resize", ageMs: 1_840, remote: "10.20.40.17:51822" },
    { method: "Order.price", ageMs: 12, remote: "" },
  ],
  openCallCount: 2,
}

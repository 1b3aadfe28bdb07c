import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test"
import { RpcError } from "../../src/protocol/RpcError.ts"
import type { Handler, ServerCall } from "../../src/rpc/Handler.ts"
import { pushList } from "../client/fixtures/lists.ts"
import { root } from "../support/executable.ts"
import { Muster, run, temporaryFolder } from "../support/muster.ts"
import { TestService } from "../support/TestService.ts"
import { waitFor } from "../support/waitFor.ts"

// Real processes on a busy machine.
setDefaultTimeout(60_000)

let answered = 0
let waiting = 0
let cancelled = 0
const methods: Readonly<Record<string, Handler>> = {
  hello: ([who]) => {
    answered++
    return `Hello, ${String(who)}!`
  },
  sleep: ([ms]) => Bun.sleep(Number(ms)).then(() => "slept"),
  deny: () => {
    throw new RpcError("permission_denied", "not you", { details: { why: "because" } })
  },
  hang: (_args, { signal }) => {
    waiting++
    return new Promise((resolve) =>
      signal.addEventListener("abort", () => {
        cancelled++
        resolve(null)
      }),
    )
  },
  ticks: async function* ([count]) {
    for (let at = 1; at <= Number(count); at++) yield { at, text: "世界" }
  },
  broken: async function* () {
    yield 1
    throw new RpcError("data_loss", "the tape is torn")
  },
  endless: async function* (_args, { signal }) {
    try {
      for (;;) {
        yield ++answered
        if (answered > 10) await new Promise((resolve) => signal.addEventListener("abort", resolve))
      }
    } finally {
      cancelled++
    }
  },
  torrent: async function* () {
    try {
      for (;;) yield ++answered
    } finally {
      cancelled++
    }
  },
  meta: (_args, { meta }) => meta["key"],
  /** Answers the first ones, then no more. */
  few: (_args, { signal }) => (answered < 60 ? ++answered : methods["hang"]!([], { signal } as ServerCall)),
}

const data = temporaryFolder()
let service: TestService
beforeAll(async () => {
  service = await TestService.start("greeter", methods)
  pushList(data.path, { revision: 1, endpoints: [service.endpoint] })
})
afterAll(async () => {
  await service.stop()
  data[Symbol.dispose]()
})
beforeEach(() => {
  answered = waiting = cancelled = 0
})

const inPlace = { runtime: "bun", cwd: root, env: { MUSTER_DATA: data.path } } as const
const start = (...args: ReadonlyArray<string>) => new Muster(["call", "--timeout=20s", ...args], inPlace)
const call = (...args: ReadonlyArray<string>) => run(["call", "--timeout=20s", ...args], inPlace)

describe("--stream", () => {
  test("prints each item on a line of its own", async () => {
    const expected = '{"at":1,"text":"世界"}\n{"at":2,"text":"世界"}\n'
    for (const more of [[], ["--json"]]) {
      expect(await call("greeter", "ticks", "2", "--stream", ...more)).toMatchObject({ code: 0, stdout: expected })
    }
    expect((await call("greeter", "ticks", "0", "--stream")).stdout).toBe("")
    expect((await call("greeter", "hello", "x", "--stream")).stdout).toBe('"Hello, x!"\n')
    const unasked = await call("greeter", "ticks", "2")
    expect(unasked.code).toBe(1)
    expect(unasked.output).toContain("failed_precondition, was not executed")
  })

  test("that fails answers 1 after the items that came", async () => {
    const { code, output, stdout } = await call("greeter", "broken", "--stream")
    expect({ code, stdout }).toEqual({ code: 1, stdout: "1\n" })
    expect(output).toContain("the tape is torn (data_loss, was executed)")
  })

  test("has no timeout but a given one, and ends with 130 and a cancelled call at Ctrl-C", async () => {
    const late = await call("greeter", "endless", "--stream", "--timeout=300ms")
    expect(late.code).toBe(1)
    expect(late.output).toContain("deadline_exceeded")
    answered = cancelled = 0
    await using muster = new Muster(["call", "greeter", "endless", "--stream"], inPlace)
    await muster.until("eleven items are there", () => muster.stdout.endsWith("\n11\n"))
    muster.signal("SIGINT")
    expect(await muster.exit()).toBe(130)
    expect(muster.output).toBe(muster.stdout)
    await waitFor(() => cancelled === 1)
  })

  test("ends when nobody reads it any more", async () => {
    const line = `"$0" src/main.ts call greeter torrent --stream; echo "exit $?" >&2`
    const child = Bun.spawn(["sh", "-c", `{ ${line}; } | head -2`, process.execPath], {
      ...inPlace,
      env: { ...process.env, ...inPlace.env },
      stdout: "pipe",
      stderr: "pipe",
    })
    expect(await new Response(child.stdout).text()).toBe("1\n2\n")
    expect(await new Response(child.stderr).text()).toBe("exit 141\n")
    await waitFor(() => cancelled === 1)
  })

  test("with --repeat tells how long whole streams took", async () => {
    const { code, stdout } = await call("greeter", "ticks", "100", "--stream", "--repeat=5", "--json")
    expect({ code, told: JSON.parse(stdout) as unknown }).toMatchObject({ code: 0, told: { calls: 5, ok: 5 } })
  })
})

test("--key goes along with the call, and --one-way waits for no answer", async () => {
  expect(await call("greeter", "meta", "--key", "order-7")).toMatchObject({ code: 0, stdout: '"order-7"\n' })
  expect(await call("greeter", "hello", "x", "--one-way")).toMatchObject({ code: 0, output: "" })
  await waitFor(() => answered === 1)
})

describe("--repeat", () => {
  test("tells how long the calls took, as JSON in one line", async () => {
    const { code, stdout } = await call("greeter", "hello", "x", "--repeat=500", "--concurrency=20", "--json")
    expect(code).toBe(0)
    expect(stdout).toMatch(/^[^\n]*\n$/)
    const told = JSON.parse(stdout) as { latencyMs: Record<string, number>; tookMs: number; callsPerSecond: number }
    expect(told).toMatchObject({ service: "greeter", method: "hello", calls: 500, ok: 500, failed: 0, errors: {} })
    expect(told.callsPerSecond).toBeCloseTo(500_000 / told.tookMs, 0)
    const { max, mean, min, p50, p90, p99, "p99.9": p999, ...others } = told.latencyMs
    expect(others).toEqual({})
    const ascending = [0, min, p50, p90, p99, p999, max, told.tookMs] as ReadonlyArray<number>
    expect(ascending.toSorted((a, b) => a - b)).toEqual([...ascending])
    expect(mean).toBeWithin(min!, max! + 0.001)
  })

  test("makes so many calls at once, and no more", async () => {
    const from = performance.now()
    const { stdout } = await call("greeter", "sleep", "200", "--repeat=20", "--concurrency=10", "--json")
    const told = JSON.parse(stdout) as { latencyMs: Record<string, number>; tookMs: number }
    expect(told.tookMs).toBeGreaterThan(395)
    expect(performance.now() - from).toBeGreaterThan(395)
    expect(told.latencyMs["p50"]).toBeWithin(198, told.tookMs)
    // One after the other they would have taken 4 s.
    expect(told.tookMs).toBeLessThan(3_500)
  })

  test("tells the share of each endpoint, by weight", async () => {
    using folder = temporaryFolder()
    const other = await TestService.start("greeter", methods)
    const endpoints = [service.endpoint, { ...other.endpoint, weight: 25 }]
    pushList(folder.path, { revision: 1, endpoints })
    const args = ["greeter", "hello", "x", "--repeat=500", "--concurrency=8", "--data", folder.path]
    const told = JSON.parse((await call(...args, "--json")).stdout) as { endpoints: Record<string, number> }
    const [mine = 0, others = 0] = [service, other].map(({ port }) => told.endpoints[`127.0.0.1:${port}`])
    expect(mine + others).toBe(500)
    expect(mine).toBeGreaterThan(others)
    expect(others).toBeGreaterThan(0)
    const { stdout } = await call(...args)
    for (const { port } of [service, other]) {
      expect(stdout).toMatch(new RegExp(`\\n {2}127\\.0\\.0\\.1:${port} +\\d+ +\\d+\\.\\d %\\n`))
    }
    await other.stop()
  })

  test("answers 1 when any failed, with each code and what its first error said", async () => {
    const { code, stdout } = await call("greeter", "deny", "--repeat=12", "--concurrency=4")
    expect(code).toBe(1)
    expect(stdout).toStartWith("greeter deny: 12 calls in ")
    expect(stdout).toMatch(/\n {2}failed {2}12\n/)
    expect(stdout).toContain(`\n  permission_denied  12  greeter deny at 127.0.0.1:${service.port}: not you\n`)
    const json = JSON.parse((await call("greeter", "deny", "--repeat=3", "--json")).stdout) as unknown
    expect(json).toMatchObject({ ok: 0, failed: 3, errors: { permission_denied: 3 }, latencyMs: null })
  })

  test("ended by Ctrl-C cancels what is open, prints what was done so far, and answers 130", async () => {
    await using muster = start("greeter", "few", "--repeat=1000000", "--concurrency=50", "--timeout=1h")
    await muster.until("60 are answered and 50 are open", () => answered === 60 && waiting === 50)
    muster.signal("SIGINT")
    expect(await muster.exit()).toBe(130)
    expect(muster.stdout).toStartWith("greeter few: 60 calls in ")
    expect(muster.stdout).toMatch(/\n {2}failed +0\n/)
    await waitFor(() => cancelled === 50)
  })
})

test("Ctrl-C cancels the call, says nothing and answers 130", async () => {
  await using muster = start("greeter", "hang", "--timeout=1h")
  await muster.until("the call is there", () => waiting === 1)
  muster.signal("SIGINT")
  expect(await muster.exit()).toBe(130)
  expect(muster.output).toBe("")
  await waitFor(() => cancelled === 1)
})

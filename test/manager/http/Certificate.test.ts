import { expect, test } from "bun:test"
import { Effect, Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"
import { watchCertificate } from "../../../src/manager/http/PageServer.ts"
import { issue, makeAuthority, makeRequest } from "../../../src/platform/Certificates.ts"

test("the end of the page's certificate is told once a day, from 30 days before", async () => {
  const { csr } = await makeRequest("manager")
  const ca = await makeAuthority({ nowMs: 0 })
  const { pem } = await issue(ca, csr, { cn: "manager", addresses: ["10.0.0.1"], days: 60, nowMs: 0 })
  const lines: Array<string> = []
  const logs = Logger.layer([Logger.map(Logger.formatLogFmt, (line) => void lines.push(line))])
  const program = Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(watchCertificate(pem, true))
    yield* TestClock.adjust("29 days")
    expect(lines).toEqual([])
    yield* TestClock.adjust("2 days")
    expect(lines).toHaveLength(2)
    expect(lines[0]).toContain("ends on 1970-03-02: restart the manager")
    yield* TestClock.adjust("30 days")
    expect(lines.at(-1)).toContain("has ended on 1970-03-02")
    yield* Fiber.interrupt(fiber)
  })
  await Effect.runPromise(program.pipe(Effect.provide(TestClock.layer()), Effect.provide(logs)))
})

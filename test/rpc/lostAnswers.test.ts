import { expect, test } from "bun:test"
import type { Duplex, DuplexHandler } from "../../src/platform/Transport.ts"
import { FrameType } from "../../src/protocol/Frame.ts"
import { serverHello } from "../../src/protocol/Handshake.ts"
import { callLimits } from "../../src/protocol/Limits.ts"
import { RpcConnection } from "../../src/rpc/RpcConnection.ts"
import { type TurnEnd, turns } from "../../src/rpc/Turns.ts"
import { frame } from "./RawClient.ts"
import { failure } from "./TestServer.ts"

const helloOfServer = frame(
  FrameType.hello,
  0,
  serverHello({ idempotent: [], limits: callLimits, service: "test", worker: { id: 0, count: 1, pid: 1 } }),
)

/** A connection, and the hand at its other end. */
const connected = async () => {
  let handler: DuplexHandler | undefined
  const duplex: Duplex = {
    remote: "here",
    peer: undefined,
    write: () => true,
    end: () => undefined,
    destroy: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
    handle: (own) => {
      handler = own
    },
  }
  const opening = RpcConnection.over(duplex, { client: "test" })
  handler?.data(helloOfServer)
  const connection = await opening
  return { connection, hand: handler as DuplexHandler }
}

/** Another connection has had its turn for as long as it may: what comes now waits. */
const othersGoFirst = () => {
  let rounds = 0
  const other = {
    clock: 0,
    takeTurn: (time: number): TurnEnd => {
      other.clock = rounds++ === 0 ? time + 1_000 : time
      return rounds === 1 ? "timeUp" : "done"
    },
    turnOver: () => undefined,
  }
  turns.enter(other, performance.now())
}

test("an answer that came right before the end of its connection, and waits for its turn, is one", async () => {
  const { connection, hand } = await connected()
  const answer = connection.call("hello", [], { timeoutMs: 5_000 })
  othersGoFirst()
  hand.data(frame(FrameType.response, 1, "hello"))
  hand.close(undefined)
  expect(connection.state).toBe("open")
  // What can't be sent any more was not done.
  expect(await failure(connection.call("hello", [], { timeoutMs: 5_000 }))).toMatchObject({
    code: "unavailable",
    executed: "no",
  })
  expect(await answer).toBe("hello")
  expect(connection.state).toBe("closed")
})

test("a call that was not taken is told so, when its server has left right after it said so", async () => {
  const { connection, hand } = await connected()
  const call = failure(connection.call("hello", [], { timeoutMs: 5_000 }))
  othersGoFirst()
  hand.data(frame(FrameType.goaway, 0, { last: 0, reason: "leaving", holdOffMs: 0 }))
  hand.close(undefined)
  expect(await call).toMatchObject({ code: "unavailable", executed: "no", message: "Not taken: leaving" })
})

test("a call whose answer did not come before the end of its connection may have been done", async () => {
  const { connection, hand } = await connected()
  const call = failure(connection.call("hello", [], { timeoutMs: 5_000 }))
  othersGoFirst()
  hand.data(frame(FrameType.response, 1, "hello").subarray(0, 14))
  hand.close(undefined)
  expect(await call).toMatchObject({
    code: "unavailable",
    executed: "maybe",
    message: "The connection to here was lost",
  })
})

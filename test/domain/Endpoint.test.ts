import { describe, expect, test } from "bun:test"
import { isIP } from "node:net"
import { Schema } from "effect"
import { Address, Endpoints, endpointKey } from "../../src/domain/Endpoint.ts"
import { isLoopback, usesTls } from "../../src/domain/Loopback.ts"
import { ServiceName } from "../../src/domain/ServiceName.ts"

const accepts = Schema.is(Address)

describe("an address", () => {
  const good = ["127.1.1.100", "10.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "2001:db8::8a2e:370:7334"]
  test.each([...good, "1:2:3:4:5:6:7:8", "1::8", "web-01", "a.b.example", "localhost", "x", "3com.example"])(
    "%s is taken",
    (text) => expect(accepts(text)).toBe(true),
  )

  const bad = ["", " ", "256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "-a", "a-", "a..b", "a b", "http://a", "a:80"]
  test.each([...bad, ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "[::1]", "::g", "é"])(
    "%p is refused",
    (text) => expect(accepts(text)).toBe(false),
  )

  test.each([
    ["FD00:0:0::2", "fd00::2"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["::2", "::2"],
    ["10.0.0.1", "10.0.0.1"],
    ["Web-01.Example", "web-01.example"],
  ])("%s is kept as %s", (text, kept) => expect(Schema.decodeUnknownSync(Address)(text)).toBe(kept))

  test("of IP version 6 agrees with the platform's own parser on every way to shorten it", () => {
    const groups = ["1", "ab", "0", "ffff", "2", "3", "4", "5"]
    for (let size = 0; size <= 9; size++)
      for (let cut = -1; cut <= size; cut++) {
        const parts = Array.from({ length: size }, (_, index) => groups[index % 8])
        const text = cut < 0 ? parts.join(":") : `${parts.slice(0, cut).join(":")}::${parts.slice(cut).join(":")}`
        if (!text.includes(":")) continue
        expect(`${text} ${accepts(text)}`).toBe(`${text} ${isIP(text) === 6}`)
      }
  })
})

describe("an endpoint list", () => {
  const decode = Schema.decodeUnknownExit(Endpoints)
  const endpoint = { ip: "10.0.0.1", port: 80, weight: 100, status: "online" }

  test("holds each ip and port once", () => {
    expect(decode([endpoint, { ...endpoint, port: 81 }])._tag).toBe("Success")
    expect(String(decode([endpoint, endpoint]))).toContain("10.0.0.1:80 is in the list twice")
    const twice = ["fd00::2", "FD00:0::2"].map((ip) => ({ ...endpoint, ip }))
    expect(String(decode(twice))).toContain("[fd00::2]:80 is in the list twice")
  })

  test.each([
    ["weight", 101],
    ["weight", -1],
    ["weight", 1.5],
    ["port", 0],
    ["port", 65536],
    ["port", "80"],
    ["status", "on"],
    ["ip", "10.0.0.256"],
  ])("refuses %s %p", (field, value) => {
    const exit = decode([{ ...endpoint, [field]: value }])
    expect(exit._tag).toBe("Failure")
    expect(String(exit)).toContain(field)
  })

  test("writes an IPv6 endpoint with brackets", () => {
    expect(endpointKey({ ip: "::1", port: 80 })).toBe("[::1]:80")
    expect(endpointKey({ ip: "web", port: 80 })).toBe("web:80")
  })
})

test("only loopback addresses are exempt from TLS", () => {
  expect(["127.0.0.1", "127.1.1.100", "::1", "LOCALHOST"].every(isLoopback)).toBe(true)
  expect(["128.0.0.1", "10.127.0.1", "127.evil.example", "::2"].some(isLoopback)).toBe(false)
  expect(usesTls("auto", "10.0.0.1")).toBe(true)
  expect(usesTls("auto", "127.0.0.1")).toBe(false)
  expect(usesTls("on", "127.0.0.1")).toBe(true)
  expect(usesTls("off", "10.0.0.1")).toBe(false)
})

test("a service name is safe as a file name", () => {
  const is = Schema.is(ServiceName)
  expect(["greeter", "node_manager", "Order.v2", "a-b"].every(is)).toBe(true)
  expect(["", ".hidden", "../x", "a/b", "1a", "a b", "a".repeat(64), "é"].some(is)).toBe(false)
})

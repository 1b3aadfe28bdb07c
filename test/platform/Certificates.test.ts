import { expect, test } from "bun:test"
import { createServer } from "node:https"
import {
  CertificateError,
  describe as describeCertificate,
  fingerprint,
  isSignedBy,
  issue,
  makeAuthority,
  makeRequest,
  serialOf,
} from "../../src/platform/Certificates.ts"
import { request } from "../../src/platform/HttpRequest.ts"

const nowMs = Date.now()
const dayMs = 86_400_000
const ca = await makeAuthority({ nowMs })
const { key, csr } = await makeRequest("node")
const issued = await issue(ca, csr, { cn: "node:1", addresses: ["10.1.2.3", "fd00::7", "localhost"], days: 365, nowMs })

const swapped = (pem: string) => {
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64")
  der[der.length - 5] = (der.at(-5) ?? 0) ^ 0xff
  const body =
    der
      .toString("base64")
      .match(/.{1,64}/g)
      ?.join("\n") ?? ""
  return `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`
}

const served = async (use: (url: string) => Promise<void>, cert = issued.pem) => {
  const server = createServer({ key, cert })
  server.on("request", (incoming, answer) => {
    let body = ""
    incoming.on("data", (chunk) => (body += String(chunk)))
    incoming.on("end", () => answer.end(`${incoming.method} ${incoming.url} ${body}`))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()))
  const address = server.address()
  try {
    await use(`https://127.0.0.1:${typeof address === "object" ? address?.port : 0}/join?x=1`)
  } finally {
    server.close()
  }
}

test("a certificate carries its name, addresses, serial and a year", () => {
  expect(describeCertificate(issued.pem)).toMatchObject({
    commonName: "node:1",
    addresses: ["10.1.2.3", "fd00::7", "localhost"],
    serial: issued.serial,
  })
  expect(serialOf(issued.pem)).toBe(issued.serial)
  expect(issued.serial).toMatch(/^[4-7][0-9a-f]{31}$/)
  expect(Math.abs(issued.expiresAt - (nowMs + 365 * dayMs))).toBeLessThan(1_000)
  expect(describeCertificate(ca.pem).expiresAt - nowMs).toBeGreaterThan(3_649 * dayMs)
})

test("the CA is recognised by its signature and its fingerprint, another one is not", async () => {
  const other = await makeAuthority({ nowMs })
  expect(await isSignedBy(issued.pem, ca.pem)).toBe(true)
  expect(await isSignedBy(issued.pem, other.pem)).toBe(false)
  expect(fingerprint(ca.pem)).toMatch(/^[0-9a-f]{64}$/)
  expect(fingerprint(ca.pem)).not.toBe(fingerprint(other.pem))
})

test("a certificate can be renewed for the same key, with a serial of its own", async () => {
  const renewed = await issue(ca, csr, { cn: "node:1", addresses: ["10.1.2.3"], days: 365, nowMs: nowMs + dayMs })
  expect(renewed.serial).not.toBe(issued.serial)
  expect(renewed.expiresAt).toBeGreaterThan(issued.expiresAt)
})

test("a request with a wrong signature is refused", async () => {
  const wanted = { cn: "node:1", addresses: [], days: 1, nowMs }
  await expect(issue(ca, swapped(csr), wanted)).rejects.toThrow(CertificateError)
  await expect(issue(ca, swapped(csr), wanted)).rejects.toThrow("not signed by the key")
  await expect(issue(ca, "hello", wanted)).rejects.toThrow("not a certificate request")
})

test("a certificate ends with the CA at the latest", async () => {
  const late = await issue(ca, csr, { cn: "node:1", addresses: [], days: 9_999, nowMs })
  expect(late.expiresAt).toBe(describeCertificate(ca.pem).expiresAt)
})

test("an HTTPS request trusts the given CA under the given name, and nothing else", () =>
  served(async (url) => {
    const ask = (trust: { ca?: string; caName?: string; unverified?: boolean }) =>
      request({ method: "POST", url, body: "grüezi", timeoutMs: 2_000, ...trust })
    const other = await makeAuthority({ nowMs })
    expect(await ask({ ca: ca.pem, caName: "node:1" })).toEqual({ status: 200, body: "POST /join?x=1 grüezi" })
    expect(await ask({ unverified: true })).toMatchObject({ status: 200 })
    await expect(ask({})).rejects.toThrow(url.slice(0, url.indexOf("/join")))
    await expect(ask({ ca: ca.pem })).rejects.toThrow("did not answer")
    await expect(ask({ ca: ca.pem, caName: "node:2" })).rejects.toThrow("did not answer")
    await expect(ask({ ca: other.pem, caName: "node:1" })).rejects.toThrow("did not answer")
  }))

test("a node can't pass for the manager, whatever address it got a certificate for", async () => {
  const { pem } = await issue(ca, csr, { cn: "node:1", addresses: ["127.0.0.1"], days: 1, nowMs })
  await served(async (url) => {
    const asked = request({ method: "POST", url, timeoutMs: 2_000, ca: ca.pem, caName: "manager" })
    await expect(asked).rejects.toThrow('its certificate names "node:1", expected "manager"')
  }, pem)
})

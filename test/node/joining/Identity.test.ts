import { afterAll, beforeAll, expect, test } from "bun:test"
import { Effect } from "effect"
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Membership, readMembership, writeMembership } from "../../../src/node/joining/Identity.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-identity-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const membership: Membership = {
  identity: {
    nodeId: "N1",
    name: "host",
    ip: "10.0.0.1",
    port: 8_821,
    managerUrl: "https://manager:8800",
    tokenId: "T1",
    joinedAt: 1,
  },
  tls: { key: "key", cert: "cert", ca: "ca" },
}
const read = (dataDir: string) => Effect.runPromise(readMembership(dataDir))

test("a node that never joined has no identity, one that did has all of it", async () => {
  expect(await read(join(folder, "none"))).toBeUndefined()
  const dataDir = join(folder, "new", "folder")
  await Effect.runPromise(writeMembership(dataDir, membership))
  expect(await read(dataDir)).toEqual(membership)
  const modeOf = async (path: string) => (await stat(join(dataDir, path))).mode & 0o777
  expect([await modeOf("."), await modeOf("tls"), await modeOf("tls/key.pem")]).toEqual([0o755, 0o700, 0o600])
})

test("a node whose certificate could not be written has not joined", async () => {
  const dataDir = join(folder, "half")
  await mkdir(join(dataDir, "tls", "cert.pem"), { recursive: true })
  await expect(Effect.runPromise(writeMembership(dataDir, membership))).rejects.toThrow("cert.pem")
  expect(await read(dataDir)).toBeUndefined()
})

test("a damaged or incomplete identity is named with its file and what to do", async () => {
  const dataDir = join(folder, "damaged")
  await Effect.runPromise(writeMembership(dataDir, membership))
  const text = await readFile(join(dataDir, "node.json"), "utf8")
  await writeFile(join(dataDir, "node.json"), text.slice(0, 20))
  await expect(read(dataDir)).rejects.toThrow("node.json is damaged")
  await writeFile(join(dataDir, "node.json"), text)
  await rm(join(dataDir, "tls", "key.pem"))
  await expect(read(dataDir)).rejects.toThrow("key.pem is missing or empty: join again")
  await writeFile(join(dataDir, "tls", "key.pem"), "")
  await expect(read(dataDir)).rejects.toThrow("key.pem is missing or empty: join again")
})

import { expect, test } from "bun:test"
import { Effect } from "effect"
import { rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Authority } from "../../../src/manager/fleet/Authority.ts"
import { describe, fingerprint, isSignedBy, makeRequest } from "../../../src/platform/Certificates.ts"
import { removeFolder, temporaryFolder } from "./TestFleet.ts"

const inFolder = async (use: (folder: string) => Promise<void>) => {
  const folder = await temporaryFolder()
  try {
    await use(folder)
  } finally {
    await removeFolder(folder)
  }
}
const withAuthority = <A, E>(dataDir: string, use: (authority: Authority["Service"]) => Effect.Effect<A, E>) =>
  Effect.runPromise(Effect.flatMap(Authority, use).pipe(Effect.provide(Authority.layer({ dataDir }))))
const itself = (dataDir: string) => withAuthority(dataDir, (authority) => Effect.succeed(authority))

test("the first start makes the CA, every later one finds it", () =>
  inFolder(async (folder) => {
    const first = await itself(folder)
    const second = await itself(folder)
    expect(second.caPem).toBe(first.caPem)
    expect(second.pin).toBe(fingerprint(first.caPem).slice(0, 32))
    const manager = await withAuthority(folder, (authority) => authority.manager)
    expect(describe(manager.cert)).toMatchObject({ commonName: "manager" })
    expect(await isSignedBy(manager.cert, first.caPem)).toBe(true)
    for (const name of ["ca/ca.key", "manager/key.pem"])
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
  }))

test("a lost key of the CA is named rather than replaced, since every node would be lost with it", () =>
  inFolder(async (folder) => {
    await itself(folder)
    await rm(join(folder, "ca/ca.key"))
    await expect(itself(folder)).rejects.toThrow("put it back from a backup")
  }))

test("a damaged certificate of the manager is replaced", () =>
  inFolder(async (folder) => {
    const { caPem } = await itself(folder)
    await writeFile(join(folder, "manager/cert.pem"), "")
    const { cert } = await withAuthority(folder, (authority) => authority.manager)
    expect(await isSignedBy(cert, caPem)).toBe(true)
  }))

test("the page's certificate is kept while the names are the same", () =>
  inFolder(async (folder) => {
    const page = (names: ReadonlyArray<string>) => withAuthority(folder, (authority) => authority.page(names))
    const first = await page(["muster.example", "10.0.0.1"])
    expect(describe(first.cert).addresses).toEqual(["localhost", "muster.example", "10.0.0.1"])
    expect(await page(["10.0.0.1"])).toEqual(first)
    expect((await page(["other.example"])).cert).not.toBe(first.cert)
  }))

test("a node's request gets the name that the authority chooses, not the one it asks for", () =>
  inFolder(async (folder) => {
    const { csr } = await makeRequest("manager")
    const signed = await withAuthority(folder, (authority) =>
      authority.signNode(csr, { nodeId: "N1", addresses: ["10.0.0.1"] }),
    )
    expect(describe(signed.pem)).toMatchObject({ commonName: "node:N1", serial: signed.serial })
    const refused = withAuthority(folder, (authority) => authority.signNode("x", { nodeId: "N1", addresses: [] }))
    await expect(refused).rejects.toThrow("is not a certificate request")
  }))

import "reflect-metadata"
import "./ReflectMetadata.ts"
import * as x509 from "@peculiar/x509"
import { createHash, randomBytes } from "node:crypto"
import { isIP } from "node:net"

/** A certificate authority: PEM texts. */
export interface CertificateAuthority {
  readonly pem: string
  readonly key: string
}

export interface Issued {
  readonly pem: string
  /** Lower-case hex, no leading zero. */
  readonly serial: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

/** A certificate or a request that can't be read, or is not signed by its own key. */
export class CertificateError extends Error {
  override readonly name = "CertificateError"
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const
const dayMs = 86_400_000
/** Clocks of hosts differ: what is issued now must be valid on one that is a day behind. */
const skewMs = dayMs
const caDays = 3_650

const generateKeys = () => crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])

const keyToPem = async (key: CryptoKey) =>
  `${x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`

const keyFromPem = (pem: string) =>
  crypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(pem), algorithm, false, ["sign"])

/** 16 bytes whose first is 0x40-0x7f: positive, and the same text with or without leading zeros. */
const newSerial = () => {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString("hex")
}

const parse = (pem: string) => {
  try {
    return new x509.X509Certificate(pem)
  } catch (cause) {
    throw new CertificateError("is not a certificate in PEM form", { cause })
  }
}

/** A new CA, valid for 10 years. */
export const makeAuthority = async (options: { readonly nowMs: number }): Promise<CertificateAuthority> => {
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: ["muster authority"] }],
    notBefore: new Date(options.nowMs - skewMs),
    notAfter: new Date(options.nowMs + caDays * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { pem: `${certificate.toString("pem")}\n`, key: await keyToPem(keys.privateKey) }
}

/** A key, and the request to certify it. The authority decides the name, so `commonName` is only a hint. */
export const makeRequest = async (commonName: string): Promise<{ readonly key: string; readonly csr: string }> => {
  const keys = await generateKeys()
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [commonName] }],
    keys,
    signingAlgorithm: algorithm,
  })
  return { key: await keyToPem(keys.privateKey), csr: `${csr.toString("pem")}\n` }
}

const readRequest = async (csr: string) => {
  let request: x509.Pkcs10CertificateRequest
  try {
    request = new x509.Pkcs10CertificateRequest(csr)
  } catch (cause) {
    throw new CertificateError("is not a certificate request in PEM form", { cause })
  }
  const verified = await request.verify().catch(() => false)
  if (!verified) throw new CertificateError("is not signed by the key that it asks a certificate for")
  return request
}

/**
 * Certifies the key of a request for `cn` and `addresses` (IPs and host names), for both ends of a connection. Rejects
 * with CertificateError when the request is malformed or its signature is wrong.
 */
export const issue = async (
  ca: CertificateAuthority,
  csr: string,
  subject: {
    readonly cn: string
    readonly addresses: ReadonlyArray<string>
    readonly days: number
    readonly nowMs: number
  },
): Promise<Issued> => {
  const request = await readRequest(csr)
  const authority = parse(ca.pem)
  const serial = newSerial()
  const expiresAt = Math.min(subject.nowMs + subject.days * dayMs, authority.notAfter.getTime())
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: [{ CN: [subject.cn] }],
    issuer: authority.subjectName.toJSON(),
    notBefore: new Date(subject.nowMs - skewMs),
    notAfter: new Date(expiresAt),
    signingAlgorithm: algorithm,
    publicKey: request.publicKey,
    signingKey: await keyFromPem(ca.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(
        [...new Set(subject.addresses)].map((value) => ({
          type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const),
          value,
        })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(request.publicKey),
    ],
  })
  return { pem: `${certificate.toString("pem")}\n`, serial, expiresAt }
}

/** SHA-256 of the certificate's DER, lower-case hex. */
export const fingerprint = (pem: string): string =>
  createHash("sha256")
    .update(new Uint8Array(parse(pem).rawData))
    .digest("hex")

export const serialOf = (pem: string): string =>
  parse(pem)
    .serialNumber.toLowerCase()
    .replace(/^0+(?=.)/, "")

/** What a certificate says of itself: its CN, names and addresses, and until when it is valid. */
export const describe = (pem: string) => {
  const certificate = parse(pem)
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)
  return {
    commonName: certificate.subjectName.getField("CN")[0] ?? "",
    addresses: (names?.names.items ?? []).map((name) => name.value),
    serial: serialOf(pem),
    expiresAt: certificate.notAfter.getTime(),
  }
}

/** Whether `pem` was signed by the CA `caPem`, whatever its dates. */
export const isSignedBy = async (pem: string, caPem: string): Promise<boolean> =>
  parse(pem)
    .verify({ publicKey: parse(caPem).publicKey, signatureOnly: true })
    .catch(() => false)

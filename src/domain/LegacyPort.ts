import { usesTls } from "./Loopback.ts"

type Spec = {
  readonly tls: "auto" | "on" | "off"
  readonly rpc: { readonly legacy: boolean }
}

/**
 * Whether a spec asks for what can't be: the predecessor's clients speak plain TCP only, and a port at one of these
 * addresses would speak TLS.
 */
export const legacyOverTls = ({ rpc, tls }: Spec, ips: ReadonlyArray<string>): boolean =>
  rpc.legacy && (tls === "on" || ips.some((ip) => usesTls(tls, ip)))

export const legacyOverTlsProblem =
  "needs plain TCP: set tls to off, or to auto where every endpoint is on a loopback address"

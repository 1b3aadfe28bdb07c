import { lookup } from "node:dns/promises"
import { isIP } from "node:net"

/** An address to bind to: `ip` itself, or what the host name stands for on this host. */
export const resolveAddress = async (ip: string): Promise<string> => {
  if (isIP(ip) !== 0) return ip
  try {
    return (await lookup(ip, { verbatim: true })).address
  } catch (cause) {
    throw new Error(`the host name ${ip} can't be resolved`, { cause })
  }
}

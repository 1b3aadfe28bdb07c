import { connect } from "../../../../src/client/index.ts"
import type { Peer } from "./Peer.ts"

/** The public client with its defaults and a list of one endpoint; its server is a worker of a real agent. */
export const peer: Peer = {
  dial: (target) => {
    const { certificates, host, port } = target
    const client = connect("greeter", {
      endpoints: [{ ip: host, port }],
      tls: certificates === undefined ? "off" : "on",
      certificates,
      timeoutMs: 5_000,
    })
    return Promise.resolve({ call: () => client.call("Greeter.hello", "world"), close: () => client.close() })
  },
}

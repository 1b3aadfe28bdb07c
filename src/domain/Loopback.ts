/** Whether an address is this host's loopback: 127.0.0.0/8, ::1 or the name localhost. */
export const isLoopback = (address: string) =>
  /^127(?:\.\d{1,3}){3}$/.test(address) || address === "::1" || address.toLowerCase() === "localhost"

/** Whether a service port on `address` speaks TLS under this mode. */
export const usesTls = (mode: "auto" | "on" | "off", address: string) =>
  mode === "on" || (mode === "auto" && !isLoopback(address))

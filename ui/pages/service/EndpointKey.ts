/** An endpoint has no id of its own in the store: its address and port, with only what a CSS selector takes. */
export const endpointElementId = ({ ip, port }: { readonly ip: string; readonly port: number }) =>
  `endpoint-${`${ip}-${port}`.replaceAll(/[^A-Za-z0-9-]/g, (sign) => `_${sign.codePointAt(0)?.toString(16) ?? ""}_`)}`

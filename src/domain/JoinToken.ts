/** What a join token says: which one, its secret, and the start of the CA certificate's SHA-256 that it pins. */
export type JoinToken = { readonly id: string; readonly secret: string; readonly pin: string }

/** Hex characters of the fingerprint that a token carries: 128 bits. */
export const pinLength = 32

const pattern = /^mst_([0-9A-Za-z]{26})_(.{16,128})_([0-9a-f]{32})$/

export const formatJoinToken = (token: JoinToken) => `mst_${token.id}_${token.secret}_${token.pin}`

/** `undefined`: the text is no join token. */
export const parseJoinToken = (text: string): JoinToken | undefined => {
  const match = pattern.exec(text.trim())
  const [, id, secret, pin] = match ?? []
  return id === undefined || secret === undefined || pin === undefined ? undefined : { id, secret, pin }
}

/** Why a value has no form in muster/1, or a frame would be too large. */
export class EncodeError extends Error {
  override readonly name = "EncodeError"
  readonly tooLarge: boolean

  constructor(reason: string, tooLarge = false) {
    super(reason)
    this.tooLarge = tooLarge
  }
}

/** What was thrown, in words. Anything can be thrown, also what can't be made a text: that must not throw in turn. */
export const textOf = (thrown: unknown): string => {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    return `a thrown ${typeof thrown} that has no text`
  }
}

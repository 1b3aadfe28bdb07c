/**
 * What a call can carry: null, booleans, numbers, well-formed text, bytes, lists, and objects with text keys. A key that
 * a careless receiver could trip over is refused by both sides.
 */
export const isForbiddenKey = (key: string): boolean => {
  const length = key.length
  if (length !== 9 && length !== 11) return false
  return key === "__proto__" || key === "prototype" || key === "constructor"
}

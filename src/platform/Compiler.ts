/**
 * Has the engine compile what runs often as soon as it usually does. The executable starts with one that hardly ever does
 * (scripts/build.ts): code that runs once would only be compiled beside the start, and a process that idles would hold and
 * renew it for ever.
 */
export const compileSoon = (): void => {
  if ("Bun" in globalThis) Bun.unsafe.setJITPolicy(1)
}

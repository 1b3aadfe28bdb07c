/** Makes a call again and again until it is stopped. */
export const steadyCalls = (call: () => Promise<unknown>) => {
  const state = { isOver: false, failed: 0 }
  const calling = (async () => {
    while (!state.isOver) await call().catch(() => state.failed++)
  })()
  return {
    /** Gives how many have failed. */
    stop: async () => {
      state.isOver = true
      await calling
      return state.failed
    },
  }
}

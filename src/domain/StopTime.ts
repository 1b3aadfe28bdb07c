/** No stop of an agent waits longer for its services, however long they may drain. */
export const agentStopMaxMs = 35_000

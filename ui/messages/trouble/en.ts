import { counted } from "../Counted.ts"

/** What stands in the way of a connection, a delivery or a process; and why a request was refused. */
export const troubleEn = {
  trouble: {
    notJoined: (ip: string) => `No node with the address ${ip} has joined`,
    notReachedYet: "The first connection is not up yet",
    noConnection: (at: string, cause: string) => `No connection to ${at}: ${cause}`,
    cause: {
      ECONNREFUSED: "nothing listens there",
      ECONNRESET: "it broke the connection off",
      ETIMEDOUT: "it does not answer",
      EHOSTUNREACH: "the host can't be reached",
      ENETUNREACH: "its network can't be reached",
      ENOTFOUND: "the name is not known",
      EAI_AGAIN: "the name can't be looked up now",
      certificate: "its certificate is not of this cluster",
      timeout: "it does not answer in time",
    },
    withCode: (cause: string, code: string) => `${cause} (${code})`,
    noAnswer: "The node did not answer in time",
    otherNode: (at: string, id: string) => `At ${at} another node answers: ${id}`,
    guarded: (reason: string) => `The node refuses the list. ${reason}`,
    ahead: (revision: number, newest: number) =>
      `The node has revision ${revision}, but ${newest === 0 ? "none was" : `${newest} is the newest that was`} released. Was the manager's database put back to an older state?`,
    managerFailed: "The manager failed: its log says how",
    refused: (detail: string) => `The node refuses: ${detail}`,
    otherPort: (port: number) => `The agent there listens on port ${port}`,
    nothingThere: "Its node runs nothing there",
    exited: (code: number) => `Exited with code ${code}`,
    killed: (signal: string) => `Killed by ${signal}`,
    notReady: (seconds: number) => `Not ready within ${counted(seconds, "second", "seconds")}`,
    nameTaken: (name: string) => `There is another service named ${name} already.`,
    namePushed: "The list was pushed, and programs know the service by its name: it stays. Add a new service instead.",
    clientTaken: (ip: string) => `${ip} is a client of this service already.`,
    otherTaken: (value: string) => `${value} is in use already.`,
    tooLarge: (bytes: number) => `This is too much at once: at most ${bytes} bytes.`,
    malformed: "The request can't be read. Load the page again.",
    invalid: (detail: string) => `What was sent does not fit: ${detail}`,
    signIn: "The session has ended. Log in again.",
    notLetIn: "The node was not let in.",
  },
}

import { flag, optional, path, toggle, url } from "./Flag.ts"

export const dataFlag = flag(
  "data",
  path("FOLDER"),
  "The data folder: all the state of a role, and what the other commands read",
  "/var/lib/muster",
)

export const pageFlag = optional("url", url, "The manager's page (default: the one of the manager in --data)")

export const jsonFlag = toggle("json", "Print JSON rather than a table")

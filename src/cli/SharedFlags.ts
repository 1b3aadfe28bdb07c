import { flag, path, toggle, url } from "./Flag.ts"

export const dataFlag = flag(
  "data",
  path("FOLDER"),
  "The data folder: all the state of a role, and what the other commands read",
  "/var/lib/muster",
)

export const pageFlag = flag("url", url, "The manager's page", "http://127.0.0.1:8800")

export const jsonFlag = toggle("json", "Print JSON rather than a table")

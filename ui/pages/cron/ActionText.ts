import { commandText } from "../../../src/domain/CommandLine.ts"
import type { CronTaskView } from "../../../src/domain/CronView.ts"

/** What it does, on one line. */
export const actionText = ({ action }: Pick<CronTaskView, "action">): string =>
  action.kind === "method" ? `${action.service} ${action.method}` : commandText(action.command)

import { expect, setDefaultTimeout } from "bun:test"
import { Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import { nextTimes, planOf } from "../../../src/domain/Schedule.ts"
import { dayMs, zoneNames } from "../../domain/WallClock.ts"
import { it } from "../../support/effect.ts"
import { cronTask } from "./CronNode.ts"
import { testCron } from "./TestCron.ts"

setDefaultTimeout(120_000)

const from = Date.parse("2016-01-01T00:00:00Z")
const to = Date.parse("2026-01-01T00:00:00Z")
/** On the Sundays on which most clocks are changed, at the hour at which they are. */
const expression = "30 2 * 3,10 0"

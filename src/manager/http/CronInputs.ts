import { Clock, Effect, Result, Schema } from "effect"
import { Schedule } from "../../domain/Cron.ts"
import { nextTimes, planOf, scheduleFault } from "../../domain/Schedule.ts"
import { CronInput } from "../fleet/Inputs.ts"
import { InvalidInput } from "./Failure.ts"
import { decoder } from "./Input.ts"

const decodeInput = decoder(CronInput)

const badSchedule = ({ field, message }: { readonly field: string; readonly message: string }) =>
  new InvalidInput({ fields: { [`schedule.${field}`]: message } })

/** A task as it was sent, with a schedule that means something. */
export const cronInput = Effect.fn("CronInputs.cronInput")(function* (value: unknown) {
  const input = yield* decodeInput(value)
  const fault = scheduleFault(input.schedule)
  return fault === undefined ? input : yield* badSchedule(fault)
})

const timesMax = 100
const decodePreview = decoder(
  Schema.Struct({
    schedule: Schedule,
    count: Schema.Int.check(
      Schema.isBetween({ minimum: 1, maximum: timesMax }, { message: `must be a whole number from 1 to ${timesMax}` }),
    ).pipe(Schema.withDecodingDefaultKey(Effect.succeed(10))),
  }),
)

/** The next times of a schedule; an interval counts from now. */
export const cronPreview = Effect.fn("CronInputs.cronPreview")(function* (value: unknown) {
  const { count, schedule } = yield* decodePreview(value)
  const now = yield* Clock.currentTimeMillis
  const plan = planOf(schedule, now)
  if (Result.isFailure(plan)) return yield* badSchedule(plan.failure)
  return { times: nextTimes(plan.success, now, count) }
})

import type { ErrorCode } from "../domain/ErrorCode.ts"
import {
  ejectionMs,
  type Failed,
  isInfrastructure,
  isUnfit,
  proveMs,
  timesAfter,
  windowMs,
} from "../domain/Ejection.ts"

/** What a client knows of one worker of an endpoint, whatever becomes of its connections. */
export class WorkerRecord {
  readonly id: number
  /** Of the process that was there last. */
  pid: number
  /** When slow start began; -Infinity when there was none. */
  startedAt: number
  /** It gets no calls before this time, and then one to prove itself; 0 when it is in use. */
  ejectedUntil = 0
  /** That one call is under way. */
  probing = false
  /** Without a word of it by then, another call is to show it. */
  provesUntil = 0
  calls = 0
  ejections = 0
  readonly failures = new Map<ErrorCode, number>()
  #consecutive = 0
  #failed = 0
  #total = 0
  #windowEndsAt = 0
  #times = 0
  #wellSince = 0

  constructor(id: number, pid: number, startedAt: number) {
    this.id = id
    this.pid = pid
    this.startedAt = startedAt
  }

  get isOut(): boolean {
    return this.ejectedUntil > 0
  }

  /** Its last call failed, and not by the caller's fault. */
  get isSuspect(): boolean {
    return this.#consecutive > 0
  }

  /** Another process took the worker's place: it is asked at once whether it does better. */
  replaced(pid: number, time: number): void {
    this.pid = pid
    this.startedAt = time
    this.probing = false
    if (this.isOut) this.ejectedUntil = time
  }

  answered(time: number): void {
    this.calls++
    this.#consecutive = 0
    if (time >= this.#windowEndsAt) this.#count(time)
    this.#total++
  }

  /** True: so many failed that the worker should be left out. */
  failed(failure: Failed, time: number): boolean {
    this.calls++
    this.failures.set(failure.code, (this.failures.get(failure.code) ?? 0) + 1)
    if (time >= this.#windowEndsAt) this.#count(time)
    this.#total++
    if (!isInfrastructure(failure)) {
      this.#consecutive = 0
      return false
    }
    this.#consecutive++
    this.#failed++
    return isUnfit({ consecutive: this.#consecutive, failed: this.#failed, total: this.#total })
  }

  eject(time: number, random: number): void {
    this.#times = 1 + (this.isOut ? this.#times : timesAfter(this.#times, time - this.#wellSince))
    this.ejectedUntil = time + ejectionMs(this.#times, random)
    this.probing = false
    this.ejections++
  }

  /** It gets the one call that shows whether it is well. */
  prove(time: number): void {
    this.probing = true
    this.provesUntil = time + proveMs
  }

  /** It proved itself. */
  restore(time: number): void {
    this.ejectedUntil = 0
    this.probing = false
    this.#wellSince = time
    this.#consecutive = 0
    this.#count(time)
  }

  /** A new list: what was held against it is forgotten. */
  forgive(time: number): void {
    this.restore(time)
    this.#times = 0
  }

  #count(time: number): void {
    this.#windowEndsAt = time + windowMs
    this.#failed = this.#total = 0
  }
}

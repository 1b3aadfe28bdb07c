type Reload = { readonly state: string; readonly startedAt: number }
type Started = { readonly pid: number | null; readonly since: number }
type Processes = { readonly workers: ReadonlyArray<Started>; readonly taskWorkers: ReadonlyArray<Started> }

/**
 * Whether the last reload failed while a process of before it still runs. A new revision of a spec is begun by a reload
 * too, so what runs is then not what is wanted. Times: milliseconds since 1970.
 */
export const keptFormer = (reload: Reload | null, { taskWorkers, workers }: Processes): boolean =>
  reload?.state === "failed" &&
  [...workers, ...taskWorkers].some(({ pid, since }) => pid !== null && since < reload.startedAt)

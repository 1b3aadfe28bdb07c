const query = (pairs: Readonly<Record<string, string>>) => {
  const text = new URLSearchParams(Object.entries(pairs).filter(([, value]) => value !== "")).toString()
  return text === "" ? "" : `?${text}`
}

export type ServiceTab = "endpoints" | "clients" | "process" | "calls" | "tasks" | "logs"

/**
 * Every address that a page uses, in one place. The comment says what is sent and what comes back; all ids are the
 * store's. Routes in manager/http are the same paths with `:id`.
 */
export const paths = {
  login: "/login", //                       GET page; POST name, password, next -> 422 LoginForm | HX-Redirect
  logout: "/logout", //                     POST -> HX-Redirect
  password: "/password", //                 GET page; PUT current, next, again -> 422 PasswordForm | form + toast
  keys: "/keys", //                         GET KeysDialog
  language: (lang: string, to: string) => `/lang/${lang}${query({ to })}`, // GET sets the cookie `lang`, redirects
  events: (topics: string) => `/events${query({ t: topics })}`, // GET stream; topics separated by commas

  dashboard: "/", //                        GET page
  services: "/services", //                 GET page (?f=&q=); POST the service form -> 422 ServiceForm | HX-Location
  newService: "/services/new", //           GET page
  /** POST the service form's fields -> EndpointEditor. to=rows|json, add=1, remove=<index>, format=1, demo=1 */
  endpointEditor: (change: Readonly<Record<string, string>>) => `/services/editor${query(change)}`,
  bulk: "/services/actions", // POST ids, action -> #bulk-job + toast; DELETE closes those that have ended
  service: (id: string) => `/services/${id}`, //          GET -> endpoints; PUT the form -> 422 | HX-Location; DELETE
  editService: (id: string) => `/services/${id}/edit`, // GET page
  tab: (id: string, tab: ServiceTab) => `/services/${id}/${tab}`, // GET page (clients: ?f=&q=)

  /** PUT ip, port, status, override -> Toast with Undo | 409 GuardDialog. */
  endpointStatus: (id: string) => `/services/${id}/endpoints/status`,
  /**
   * PUT the service form -> keeps its list as the draft: 422 | HX-Redirect. POST override -> releases the draft, 409
   * GuardDialog; DELETE discards it. Both answer #draft + toast.
   */
  draft: (id: string) => `/services/${id}/draft`,

  clients: (id: string) => `/services/${id}/clients`, //        POST ips -> 422 AddClientsForm | toast, closes the dialog
  addClients: (id: string) => `/services/${id}/clients/new`, // GET AddClientsDialog
  client: (id: string, client: string) => `/services/${id}/clients/${client}`, // DELETE -> row deleted, toast with Undo
  restoreClient: (id: string, client: string) => `/services/${id}/clients/${client}/restore`, // POST

  pushPreview: (id: string) => `/services/${id}/push/preview`, // GET PushDialog (?ids= repeated, none = all)
  push: (id: string) => `/services/${id}/push`, // POST ids (repeated or with commas, none = all) -> #push; DELETE cancels
  closePush: (id: string) => `/services/${id}/push/close`, // POST -> #push

  crash: (id: string, crash: string) => `/services/${id}/process/crashes/${crash}`, // GET page
  process: (id: string) => `/services/${id}/process`, // PUT the form, push=no -> 422 SpecForm | form + cards + toast; DELETE
  /** POST the spec's form -> the form. as=module|command, to=form|json, open=<group>, side=theirs|mine of take=<field> */
  processEditor: (id: string, change: Readonly<Record<string, string>>) =>
    `/services/${id}/process/editor${query(change)}`,
  /** POST node (none = all), slot and kind (restart), revision (push), count (scale) -> toast; it follows by the stream */
  deed: (id: string, deed: "start" | "stop" | "restart" | "push" | "scale") => `/services/${id}/process/${deed}`,
  scaleDialog: (id: string) => `/services/${id}/process/scale`, // GET ScaleDialog
  reload: (id: string) => `/services/${id}/process/reload`, // POST node, none = all -> toast; how it goes follows by the stream

  calls: (id: string) => `/services/${id}/calls`, // GET page; POST the console's form -> 422 | form + #call-answer
  callOf: (id: string, method: string) => `/services/${id}/calls${query({ call: method })}`, // the page, with this method
  callEditor: (id: string) => `/services/${id}/calls/editor`, // POST the console's form, to=fields|json -> the form

  logLines: (name: string) => `/api/services/${encodeURIComponent(name)}/logs`, // GET: lines as JSON, or format=text

  tasks: (id: string) => `/services/${id}/tasks`, // GET page
  requeueTasks: (id: string) => `/services/${id}/tasks/requeue`, // POST task (repeated), node | all=1 -> both cards + toast
  discardTasks: (id: string) => `/services/${id}/tasks/discard`, // the same

  cron: "/cron", //         GET page (?f=&q=); POST the form -> 422 CronForm | HX-Redirect
  cronBulk: "/cron/actions", // POST ids (repeated or with commas), action -> #bulk-job + toast; DELETE closes those that have ended
  newCron: "/cron/new", //  GET page
  cronPreview: "/cron/preview", // POST the form -> CronPreview
  cronTask: (id: string) => `/cron/${id}`, // GET page (?before=); PUT the form -> 422 | HX-Redirect; DELETE -> HX-Redirect
  olderRuns: (id: string, before: string) => `/cron/${id}${query({ before })}`, // the page, with older runs
  /** POST the form -> the form, with one side of a conflict: side=theirs|mine of take=<field>, none = all */
  cronEditor: (id: string, change: Readonly<Record<string, string>>) => `/cron/${id}/editor${query(change)}`,
  editCron: (id: string) => `/cron/${id}/edit`, // GET page
  startCron: (id: string) => `/cron/${id}/start`, // POST -> toast
  enableCron: (id: string) => `/cron/${id}/enable`, // POST -> toast with Undo
  disableCron: (id: string) => `/cron/${id}/disable`, // the same
  restoreCron: (id: string) => `/cron/${id}/restore`, // POST: brings back what was deleted -> toast
  releaseCron: (id: string) => `/cron/${id}/release`, // POST: moves it though its former node is away -> toast
  cronRun: (id: string, run: string) => `/cron/${id}/runs/${encodeURIComponent(run)}`, // GET page: the output
  stopCronRun: (id: string, run: string) => `/cron/${id}/runs/${encodeURIComponent(run)}/stop`, // POST -> toast

  nodes: "/nodes", //        GET page (?f=&q=)
  node: (id: string) => `/nodes/${id}`, // DELETE revokes -> row + toast
  forgetNode: (id: string) => `/nodes/${id}/record`, // DELETE takes a revoked node off the page
  join: "/nodes/join", //    GET JoinDialog
  tokens: "/nodes/tokens", // POST kind, hours -> JoinCommand into #join-result, and #tokens
  token: (id: string) => `/nodes/tokens/${id}`, // DELETE -> #tokens
} as const

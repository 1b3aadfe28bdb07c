import { type Cause, Effect } from "effect"
import { ErrorPage } from "../../../ui/pages/ErrorPage.tsx"
import { guardText, troubleText } from "../../../ui/parts/Trouble.ts"
import { Toast, type ToastTone } from "../../../ui/parts/Toast.tsx"
import { paths } from "../../../ui/Paths.ts"
import { render, renderPage } from "../../../ui/Render.ts"
import type { PageContext } from "../../../ui/ViewModels.ts"
import type { Conflict } from "../fleet/Errors.ts"
import { type Ask, isHtmx } from "./Ask.ts"
import { type Failure, failureBody, failureStatus } from "./Failure.ts"

type Node = { toString(): string }

const htmlHeaders = { "content-type": "text/html; charset=utf-8" }

/** A whole page. */
export const page = (node: Node, status = 200): Response =>
  new Response(renderPage(node), { status, headers: htmlHeaders })

/** Parts of a page: the answer to a request of htmx. */
export const parts = (nodes: ReadonlyArray<Node>, status = 200): Response =>
  new Response(render(...nodes), { status, headers: htmlHeaders })

export const toast = (context: PageContext, tone: ToastTone, text: string) => (
  <Toast page={context} tone={tone} text={text} />
)

export const json = (value: unknown, status = 200): Response => Response.json(value, { status })

export const noContent = (): Response => new Response(null, { status: 204 })

/** Another page, whole: by htmx's header for its requests, by a redirect for the browser's own. */
export const goTo = (ask: Ask, path: string): Response =>
  isHtmx(ask.c)
    ? new Response(null, { status: 200, headers: { "hx-redirect": path } })
    : new Response(null, { status: 303, headers: { location: path } })

/**
 * A path on this site, `/` for anything else. Read as a browser reads it, which drops tabs and line breaks and turns
 * backslashes: what begins like a path may yet be the address of another site.
 */
const sitePath = (path: string): string => {
  const here = "http://here"
  if (!path.startsWith("/") || !URL.canParse(path, here)) return "/"
  const { origin, pathname, search } = new URL(path, here)
  return origin === here && !pathname.startsWith("//") ? pathname + search : "/"
}

/** A path of our own pages to go on with after a login, `/` for anything else: never another site. */
export const ownPath = (path: string | undefined): string => {
  const found = sitePath(path ?? "/")
  return found.startsWith(paths.login) ? "/" : found
}

/** The same where the login page is as good as any. */
export const anyPath = (path: string | undefined): string => sitePath(path ?? "/")

/** Where the person was: for htmx's requests the page, not the part that it asked for. */
const currentPath = (ask: Ask): string => {
  const { c } = ask
  const current = c.req.header("hx-current-url")
  if (current !== undefined && URL.canParse(current)) {
    const { pathname, search } = new URL(current)
    return ownPath(pathname + search)
  }
  const { pathname, search } = new URL(c.req.url)
  return c.req.method === "GET" ? ownPath(pathname + search) : "/"
}

const signIn = (ask: Ask): Response => {
  const next = currentPath(ask)
  const to = next === "/" ? paths.login : `${paths.login}?next=${encodeURIComponent(next)}`
  // 401 and not a redirect where no page is asked for: a stream or a script must not take the login page for its answer.
  return isHtmx(ask.c) || ask.c.req.method !== "GET" || ask.c.req.path === "/events"
    ? new Response(null, { status: 401, headers: { "hx-redirect": to } })
    : new Response(null, { status: 303, headers: { location: to } })
}

const conflictText = ({ t: { trouble } }: PageContext, { field, value, why }: Conflict): string => {
  if (why === "pushed") return trouble.namePushed
  if (field === "name") return trouble.nameTaken(value)
  return field === "ip" ? trouble.clientTaken(value) : trouble.otherTaken(value)
}

type Sentences = {
  readonly [Tag in Failure["_tag"]]: (page: PageContext, failure: Extract<Failure, { _tag: Tag }>) => string
}

const sentences: Sentences = {
  BodyTooLarge: ({ t }, { bytesMax }) => t.trouble.tooLarge(bytesMax),
  BulkRunning: ({ t }, { by, list }) => (list === "cron" ? t.cron.bulk : t.bulk).busy(by),
  Conflict: conflictText,
  CronChanged: ({ t }, { by }) => t.cron.form.stale(by),
  CronWaits: ({ t }, { node }) => t.cron.waitsFor(node),
  ForeignRequest: ({ t }) => t.problem.forbiddenHelp,
  GuardRefused: (page, { verdict }) => `${page.t.guard.refused}: ${guardText(page, verdict)}`,
  InvalidInput: ({ t }, { message }) => t.trouble.invalid(message),
  JoinRefused: ({ t }) => t.trouble.notLetIn,
  KernelService: ({ t }) => t.problem.kernel,
  Malformed: ({ t }) => t.trouble.malformed,
  NoSuchPage: ({ t }) => t.problem.notFoundHelp,
  NodeUnavailable: (page, { problem }) => troubleText(page, problem),
  NotFound: ({ t }) => t.problem.gone,
  NothingToPush: ({ t }, { reason }) => (reason === "no-clients" ? t.push.noClients : t.push.nothingReleased),
  PushRunning: ({ t }, { by }) => t.push.alreadyRunning(by),
  SignInNeeded: ({ t }) => t.trouble.signIn,
  Stale: ({ t }, { by, revision }) => t.stale(revision, by),
  TooMany: ({ t }, { retryAfterMs }) => t.login.limited(Math.ceil(retryAfterMs / 1000)),
}

/** What a person reads of a failure, in their language. */
export const sentence = <Tag extends Failure["_tag"]>(
  page: PageContext,
  failure: Extract<Failure, { _tag: Tag }>,
): string => {
  const tag: Tag = failure._tag
  return sentences[tag](page, failure)
}

const withRetry = (failure: Failure, response: Response): Response => {
  if (failure._tag === "TooMany") response.headers.set("retry-after", String(Math.ceil(failure.retryAfterMs / 1000)))
  return response
}

/** A failure as a page, or as a toast for htmx: always with its own status. */
export const htmlFailure = (ask: Ask, failure: Failure): Response => {
  if (failure._tag === "SignInNeeded") return signIn(ask)
  const status = failureStatus[failure._tag]
  const boosted = ask.c.req.header("hx-boosted") === "true" || ask.c.req.header("hx-history-restore-request") === "true"
  const response =
    isHtmx(ask.c) && !boosted
      ? parts([toast(ask.page, "bad", sentence(ask.page, failure))], status)
      : page(<ErrorPage page={ask.page} status={status} />, status)
  return withRetry(failure, response)
}

export const jsonFailure = (failure: Failure): Response =>
  withRetry(failure, json(failureBody(failure), failureStatus[failure._tag]))

/** A bug: logged under an id that the person sees too. Never a stack in the answer. */
export const defect = Effect.fn("Answers.defect")(function* (
  ask: Ask,
  speaks: "html" | "json",
  cause: Cause.Cause<unknown>,
) {
  const id = crypto.randomUUID().slice(0, 8)
  yield* Effect.logError(`defect ${id} in ${ask.c.req.method} ${ask.c.req.path}`, cause)
  if (speaks === "json") {
    return json({ error: "Internal", message: `Something went wrong; the manager's log has it under ${id}`, id }, 500)
  }
  const text = `${ask.page.t.problem.broken} (${id})`
  return isHtmx(ask.c)
    ? parts([toast(ask.page, "bad", text)], 500)
    : page(<ErrorPage page={ask.page} status={500} defect={id} />, 500)
})

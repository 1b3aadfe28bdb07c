import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core"

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]

/** One Chromium for a test file. */
export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: flags })

export type Viewer = {
  readonly page: Page
  readonly context: BrowserContext
  /** Errors of scripts, of the console (a broken content policy is one) and of requests, in the order they came. */
  readonly errors: ReadonlyArray<string>
}

export type ViewerOptions = { readonly locale?: "en" | "zh-CN"; readonly dark?: boolean; readonly width?: number }

/** A browser window of its own: cookies, language and colours. */
export const openViewer = async (browser: Browser, options: ViewerOptions = {}): Promise<Viewer> => {
  const context = await browser.newContext({
    locale: options.locale ?? "en",
    colorScheme: options.dark === true ? "dark" : "light",
    viewport: { width: options.width ?? 1280, height: 900 },
    reducedMotion: "reduce",
  })
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  const errors: Array<string> = []
  page.on("pageerror", (error) => errors.push(`script: ${error.message}`))
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(`console: ${message.text()}`)
  })
  return { page, context, errors }
}

/** The first-run password, as the manager printed it. */
export const adminPassword = (output: string) => {
  const password = /login\s+admin \/ (\S+)/.exec(output)?.[1]
  if (password === undefined) throw new Error(`No first-run password in the manager's output:\n${output}`)
  return password
}

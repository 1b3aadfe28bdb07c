import { expect } from "bun:test"
import type { Page } from "playwright-core"
import { en } from "../../ui/messages/en.ts"

/** Logs in through the form, and waits for the page that comes after it. */
export const logIn = async (page: Page, { url, password }: { url: string; password: string }) => {
  await page.goto(`${url}/login`)
  await page.locator("#name").fill("admin")
  await page.locator("#password").fill(password)
  await page.locator("#login-form button").click()
  await page.waitForURL((to) => to.pathname !== "/login")
}

/** The text of the element as soon as it has what is wanted. */
export const shows = async (page: Page, selector: string, text: string | RegExp) => {
  await page.locator(selector, { hasText: text }).first().waitFor()
}

/** A link or button by its visible name, in English. */
export const press = (page: Page, name: string | RegExp) =>
  page.getByRole("button", { name, exact: true }).first().click()

/** Makes a token in the dialog of the nodes page, and answers it. */
export const makeToken = async (page: Page, kind: "once" | "many") => {
  await page.getByRole("link", { name: en.nav.nodes }).first().click()
  await page.getByRole("button", { name: en.join.title }).first().click()
  await page.getByRole("radio", { name: new RegExp(`^${en.join[kind]}`) }).check()
  await press(page, en.join.make)
  const text = await page.locator("#join-result").textContent({ timeout: 10_000 })
  await page.locator("#join-result", { hasText: "mst_" }).waitFor()
  const token = /mst_[\w-]+_[0-9a-f]{32}/.exec((await page.locator("#join-result").textContent()) ?? "")?.[0]
  expect(token, `a token in ${text}`).toBeDefined()
  return token ?? ""
}

/** On a service's page: adds these addresses as clients. */
export const addClients = async (page: Page, ips: ReadonlyArray<string>) => {
  await page.getByRole("link", { name: en.service.tabs.clients }).click()
  await page.getByRole("button", { name: en.clients.add }).first().click()
  await page.locator("dialog [name=ips]:is(textarea)").fill(ips.join("\n"))
  await page.locator("dialog").getByRole("button", { name: en.clients.addSubmit, exact: true }).click()
  for (const ip of ips) await shows(page, "tr", ip)
}

/** On the clients' tab: pushes to all, of whom there are `total`. */
export const pushAll = async (page: Page, total: number) => {
  await press(page, en.clients.pushAll(total))
  const go = page.locator("dialog").getByRole("button", { name: en.push.go(total) })
  await go.click()
}

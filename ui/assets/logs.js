// The live log of a service: read as a stream while the page is seen, shown in batches, never more than the page can hold.
import { lineElement, noteElement, readLine } from "./logLines.js"

const rowsMax = 5000
/** Lines that arrive faster than this are left out, and counted. */
const rowsAtOnce = 600
const flushMs = 100
const busyMs = 12
const waitingMax = 20_000
/** As long as broken lines take to get their heights. */
const settlingFrames = 12
const tailLines = 1000
const againMs = 1500
/** What the lines are chosen by. */
const filters = ["node", "place", "stream", "search", "level", "from", "to"]
const longestAgainMs = 30_000

const fill = (text, ...values) => values.reduce((filled, value) => filled.replace("#", value), text)
const counted = (count) => new Intl.NumberFormat(document.documentElement.lang).format(count)

class LogView {
  #root
  #box
  #state
  #jump
  #stream
  #timer
  #retry = againMs
  #paused = false
  #sticks = true
  #lastTop = 0
  #framesLeft = 0
  #hasNews = 0
  #incoming = []
  /** Lines that were left out of `incoming`. */
  #left = 0
  #lastAt
  /** The lines of that moment: they come again when the stream is taken up at it. */
  #lastKeys = new Set()
  #isCaughtUp = false
  /** It is taken up again: the first lines may be those that were shown last. */
  #isResuming = false
  #isConnected = false

  constructor(root) {
    this.#root = root
    this.#box = root.querySelector("[data-log-lines]")
    this.#state = root.querySelector("[data-log-state]")
    this.#jump = root.querySelector("[data-log-newest]")
    this.#box.addEventListener("scroll", () => this.#scrolled(), { passive: true })
    root.addEventListener("change", (event) => this.#changed(event.target))
    root.addEventListener("input", (event) => {
      if (event.target.name === "search") this.#soon()
    })
    root.addEventListener("submit", (event) => event.preventDefault())
    root.addEventListener("click", (event) => this.#clicked(event.target))
    this.#showWrap()
    this.#restart()
    this.#timer = setInterval(() => this.#flush(), flushMs)
  }

  get isThere() {
    return this.#root.isConnected
  }

  end() {
    clearInterval(this.#timer)
    this.#stream?.abort()
  }

  /* What is asked for */

  #value(name) {
    return this.#root.querySelector(`[name="${name}"]`)?.value.trim() ?? ""
  }

  /** `again`: taken up where it was, after a break. */
  #query(again) {
    const query = new URLSearchParams()
    for (const name of ["node", "place", "stream", "search", "level"]) {
      if (this.#value(name) !== "") query.set(name, this.#value(name))
    }
    for (const name of ["from", "to"]) {
      const at = Date.parse(this.#value(name))
      if (!Number.isNaN(at)) query.set(name, String(at))
    }
    if (!query.has("to")) query.set("follow", "1")
    if (again && this.#lastAt !== undefined) query.set("from", String(Math.floor(this.#lastAt)))
    query.set("tail", String(again || query.has("from") ? rowsMax : tailLines))
    return query
  }

  #changed(control) {
    if (control.name === "wrap") {
      this.#showWrap()
      this.#keepInAddress()
    } else if (control.name !== "search") this.#restart()
  }

  #soonTimer = 0
  #soon() {
    clearTimeout(this.#soonTimer)
    this.#soonTimer = setTimeout(() => this.#restart(), 300)
  }

  #keepInAddress() {
    const query = new URLSearchParams()
    for (const name of filters) {
      if (this.#value(name) !== "") query.set(name, this.#value(name))
    }
    if (!this.#root.querySelector("[name=wrap]").checked) query.set("wrap", "0")
    const text = query.toString()
    history.replaceState(history.state, "", text === "" ? location.pathname : `${location.pathname}?${text}`)
    const save = this.#query(false)
    for (const name of ["follow", "tail"]) save.delete(name)
    save.set("format", "text")
    this.#root.querySelector("[data-log-save]").href = `${this.#root.dataset.url}?${save}`
  }

  /* The stream */

  #restart() {
    this.#box.replaceChildren()
    this.#incoming = []
    this.#left = 0
    this.#lastAt = undefined
    this.#lastKeys.clear()
    this.#setPaused(false)
    this.#stick()
    this.#keepInAddress()
    this.#read(false)
  }

  /** A page that nobody sees reads nothing: what came meanwhile is read when it is seen again. */
  seen() {
    if (document.hidden) this.#stream?.abort()
    else if (this.#stream?.signal.aborted) this.#read(true)
  }

  async #read(again) {
    this.#stream?.abort()
    const stream = new AbortController()
    this.#stream = stream
    this.#isCaughtUp = false
    this.#isResuming = again
    try {
      const response = await fetch(`${this.#root.dataset.url}?${this.#query(again)}`, {
        signal: stream.signal,
        headers: { accept: "application/x-ndjson" },
      })
      if (!response.ok) throw new Error((await response.json().catch(() => ({}))).message ?? response.statusText)
      this.#isConnected = true
      this.#retry = againMs
      await this.#take(response.body.pipeThrough(new TextDecoderStream()).getReader())
      this.#isConnected = false
      if (this.#value("to") === "") this.#tryAgain(stream)
    } catch (error) {
      this.#isConnected = false
      if (stream.signal.aborted) return
      this.#note(error.message)
      this.#tryAgain(stream)
    }
    this.#show()
  }

  #tryAgain(stream) {
    setTimeout(() => {
      if (!stream.signal.aborted && this.isThere && !document.hidden) this.#read(true)
    }, this.#retry)
    this.#retry = Math.min(longestAgainMs, this.#retry * 2)
  }

  async #take(reader) {
    let rest = ""
    let since = performance.now()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      // What is there already is read without a pause: the page would not come to anything else.
      if (performance.now() - since > busyMs) {
        await new Promise((resolve) => setTimeout(resolve))
        since = performance.now()
      }
      const lines = (rest + value).split("\n")
      rest = lines.pop()
      for (const line of lines) if (line !== "") this.#hear(JSON.parse(line))
    }
  }

  #hear(told) {
    if (told.event === undefined) this.#line(told)
    else if (told.event === "caughtUp") {
      this.#isCaughtUp = true
      this.#isResuming = false
    } else if (told.event === "dropped")
      this.#note(fill(this.#root.dataset.textDropped, told.node, counted(told.lines)))
    else if (told.event === "away") this.#note(fill(this.#root.dataset.textAway, told.node, told.message))
    else if (told.event === "back") this.#note(fill(this.#root.dataset.textBack, told.node))
  }

  #line(line) {
    const key = `${line.nodeId} ${line.process} ${line.place} ${line.stream} ${line.text}`
    if (line.at === this.#lastAt) {
      if (this.#isResuming && this.#lastKeys.has(key)) return
    } else if (this.#lastAt === undefined || line.at > this.#lastAt) {
      this.#lastAt = line.at
      this.#lastKeys.clear()
    }
    this.#lastKeys.add(key)
    this.#keep({ line })
  }

  #note(text) {
    this.#keep({ text })
  }

  #keep(item) {
    this.#incoming.push(item)
    // Cut by the half, as each single one would move all of them.
    if (this.#incoming.length <= waitingMax) return
    this.#left += waitingMax / 2
    this.#incoming = this.#incoming.slice(waitingMax / 2)
  }

  /* What is shown */

  #flush() {
    if (!this.#paused && this.#incoming.length > 0) this.#append()
    this.#show()
  }

  #append() {
    const items = this.#incoming
    this.#incoming = []
    const shown = this.#isCaughtUp ? items.slice(-rowsAtOnce) : items.slice(-rowsMax)
    const left = this.#left + items.length - shown.length
    this.#left = 0
    const search = this.#value("search")
    const rows = document.createDocumentFragment()
    if (left > 0) rows.append(noteElement(fill(this.#root.dataset.textLeft, counted(left))))
    for (const { line, text } of shown) {
      rows.append(text === undefined ? lineElement(line, readLine(line.text), search) : noteElement(text))
    }
    const before = this.#box.scrollHeight
    this.#box.append(rows)
    const over = this.#box.childElementCount - rowsMax
    if (over > 0) {
      const range = document.createRange()
      range.setStartBefore(this.#box.firstChild)
      range.setEndAfter(this.#box.children[over - 1])
      range.deleteContents()
    }
    if (this.#sticks) this.#toEnd()
    else {
      this.#hasNews += shown.length
      if (over > 0) this.#box.scrollTop -= Math.max(0, before - this.#box.scrollHeight)
    }
  }

  #show() {
    const words = this.#root.dataset
    const waiting = this.#incoming.length + this.#left
    const empty = this.#box.childElementCount === 0 && waiting === 0
    const text = this.#paused
      ? fill(words.textPaused, counted(waiting))
      : !this.#isConnected && this.#value("to") === ""
        ? words.textConnecting
        : empty
          ? filters.some((name) => this.#value(name) !== "")
            ? words.textNoMatch
            : words.textNone
          : this.#value("to") === ""
            ? words.textFollowing
            : words.textWhole
    if (this.#state.textContent !== text) this.#state.textContent = text
    this.#root.dataset.empty = String(empty)
    this.#jump.hidden = this.#sticks
    const news = this.#jump.querySelector("[data-log-news]")
    const newsText = this.#hasNews === 0 ? "" : counted(this.#hasNews)
    if (news.textContent !== newsText) news.textContent = newsText
  }

  #scrolled() {
    const { clientHeight, scrollHeight, scrollTop } = this.#box
    // Only who goes up leaves the end: lines that turn out higher than they were thought to be lead away from it too.
    this.#sticks = scrollHeight - scrollTop - clientHeight < 40 || (this.#sticks && scrollTop >= this.#lastTop)
    this.#lastTop = scrollTop
    if (this.#sticks) this.#hasNews = 0
    this.#jump.hidden = this.#sticks
  }

  #stick() {
    this.#sticks = true
    this.#hasNews = 0
    this.#toEnd()
  }

  /** A broken line has its height only when it has come into sight, frames later: the end moves away meanwhile. */
  #toEnd() {
    const isSettling = this.#framesLeft > 0
    this.#framesLeft = settlingFrames
    this.#goDown()
    if (isSettling) return
    const again = () => {
      this.#framesLeft = this.#sticks ? this.#framesLeft - 1 : 0
      if (this.#framesLeft === 0) return
      this.#goDown()
      requestAnimationFrame(again)
    }
    requestAnimationFrame(again)
  }

  #goDown() {
    this.#box.scrollTop = this.#box.scrollHeight
    this.#lastTop = this.#box.scrollTop
  }

  #setPaused(paused) {
    this.#paused = paused
    const button = this.#root.querySelector("[data-log-pause]")
    button.setAttribute("aria-pressed", String(paused))
    button.querySelector("span").textContent = paused ? button.dataset.goOn : button.dataset.pause
  }

  #showWrap() {
    this.#box.classList.toggle("log-wrap", this.#root.querySelector("[name=wrap]").checked)
  }

  #clicked(target) {
    if (target.closest("[data-log-pause]")) {
      this.#setPaused(!this.#paused)
      this.#flush()
    } else if (target.closest("[data-log-newest]")) {
      this.#stick()
      this.#show()
    } else if (target.closest("[data-log-clear]")) {
      this.#box.replaceChildren()
      this.#show()
    }
  }
}

let view

const begin = () => {
  if (view !== undefined && !view.isThere) {
    view.end()
    view = undefined
  }
  const root = document.querySelector("[data-logs]")
  if (view === undefined && root) view = new LogView(root)
}

htmx.onLoad(begin)
document.addEventListener("htmx:after:swap", begin)
document.addEventListener("visibilitychange", () => view?.seen())
begin()

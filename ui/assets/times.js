// Relative times: "4 min. ago" grows older without the server. The steps are those of ui/parts/Format.ts.

const refreshMs = 5000
const units = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
]

const refresh = () => {
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto", style: "short" })
  const now = Date.now()
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const distance = Date.parse(time.dateTime) - now
    const [unit, length] = units.find(([, step]) => Math.abs(distance) >= step) ?? units.at(-1)
    const text = format.format(Math.round(distance / length), unit)
    if (time.textContent !== text) time.textContent = text
  }
}

/* How long something has been going on, each second */

const clock = (ms) => {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = (value) => String(value).padStart(2, "0")
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return seconds < 3600 ? rest : `${Math.floor(seconds / 3600)}:${rest}`
}

const tick = () => {
  for (const place of document.querySelectorAll("[data-since]"))
    place.textContent = clock(Date.now() - place.dataset.since)
}

setInterval(tick, 1000)
setInterval(refresh, refreshMs)

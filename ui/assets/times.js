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

setInterval(refresh, refreshMs)

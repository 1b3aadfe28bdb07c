// Times in the reader's own zone, which the server does not know: `time[data-local]`, with the day of the week for "day",
// the clock alone for "clock".

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
const lang = document.documentElement.lang

const plain = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "medium" })
const withDay = new Intl.DateTimeFormat(lang, {
  weekday: "short",
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
})

/* As ui/parts/Format.ts has it */
const clock = new Intl.DateTimeFormat("en", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
})
const formats = { day: withDay, clock }

const show = () => {
  for (const time of document.querySelectorAll("time[data-local]")) {
    const format = formats[time.dataset.local] ?? plain
    const text = format.format(new Date(time.dateTime))
    if (time.textContent !== text) time.textContent = text
  }
  for (const place of document.querySelectorAll("[data-zone-name]")) {
    if (place.textContent !== zone) place.textContent = zone
  }
  /* A new task is in the zone of who makes it, unless they say otherwise. */
  for (const field of document.querySelectorAll("input[data-own-zone]")) {
    if (field.value !== "" || field.dataset.ownZone !== "") continue
    field.dataset.ownZone = zone
    field.value = zone
  }
}

htmx.onLoad(show)
document.addEventListener("htmx:after:swap", show)
document.addEventListener("htmx:sse:after:message", show)
show()

/** What an agent's notices say of a process set; read again by a page, to say it in the reader's language. */
export const noticeTexts = {
  limits: (why: string) => `runs without all of its limits: ${why}`,
  log: (why: string) => `its log can't be written, and what it says is dropped: ${why}`,
  /** `held`: `127.0.0.1:80 is held by pid 4711 (nginx)`. */
  portHeld: (held: string) => `has stopped, but ${held}`,
  socket: (slot: number, pid: number) =>
    `the listening socket of worker ${slot} can't be taken over from pid ${pid}: its replacement gets a new one, and ` +
    "connections that wait at the old one then are reset",
} as const

export type NoticeText =
  | { readonly key: "limits" | "log"; readonly why: string }
  | { readonly key: "portHeld"; readonly at: string; readonly holder: string }
  | { readonly key: "socket"; readonly slot: number; readonly pid: number }

/** Undefined: in words that are not known here. */
export const readNotice = (text: string): NoticeText | undefined => {
  const [, limits] = /^runs without all of its limits: (.+)$/s.exec(text) ?? []
  if (limits !== undefined) return { key: "limits", why: limits }
  const [, log] = /^its log can't be written, and what it says is dropped: (.+)$/s.exec(text) ?? []
  if (log !== undefined) return { key: "log", why: log }
  const [, at, holder] = /^has stopped, but (\S+) is held by (.+)$/s.exec(text) ?? []
  if (at !== undefined && holder !== undefined) return { key: "portHeld", at, holder }
  const [, slot, pid] = /^the listening socket of worker (\d+) can't be taken over from pid (\d+): /.exec(text) ?? []
  return pid === undefined ? undefined : { key: "socket", slot: Number(slot), pid: Number(pid) }
}

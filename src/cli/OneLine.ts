/** What a peer sent may be in a text: it must not end the line, nor reach the terminal as commands. */
export const oneLine = (text: string): string => escape(text.replaceAll(/\s*\n\s*/g, " "))

// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** Control characters as `\x1b`; line ends and tabs stay. */
export const escape = (text: string): string =>
  text.replaceAll(control, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`)

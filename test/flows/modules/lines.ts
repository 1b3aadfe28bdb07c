let nth = 0

/** Says one line in the log, which holds what the caller gave, and answers which worker said it. */
export const say = (id: string) => {
  nth += 1
  console.log(`line ${id} is ${nth} of ${process.pid};`)
  return process.pid
}

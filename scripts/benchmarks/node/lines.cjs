// Prints a thousand lines a second, ten at a time.
let number = 0
setInterval(() => {
  let text = ""
  for (let i = 0; i < 10; i++)
    text += `${++number} a line as services print them: order 4711 of customer 42 took 12.5 ms\n`
  process.stdout.write(text)
}, 10)

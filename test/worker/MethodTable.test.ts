import { expect, test } from "bun:test"
import { method } from "../../src/service/index.ts"
import { methodTable, readyOf, tasksOf } from "../../src/worker/MethodTable.ts"

const tableOf = (exports: Record<string, unknown>) => methodTable(exports).methods
const names = (exports: Record<string, unknown>) => [...tableOf(exports).keys()].toSorted()
/** Calls as a worker does. */
const call = (table: ReturnType<typeof tableOf>, name: string, ...args: Array<unknown>) => {
  const found = table.get(name)
  return found?.run.apply(found.owner, args)
}

test("exported functions are methods by their own name", () => {
  const table = tableOf({ hello: (name: string) => `hello ${name}`, version: "1.0", list: [1, 2] })
  expect([...table.keys()]).toEqual(["hello"])
  expect(call(table, "hello", "x")).toBe("hello x")
})

test("static methods of a class are called with the class as this, inherited ones too", () => {
  class Base {
    static shared() {
      return this.name
    }
  }
  class TestService extends Base {
    static prefix = "<"
    static test(name: string) {
      return `${this.prefix}${name}`
    }
    instanceMethod() {
      return 1
    }
  }
  const table = tableOf({ TestService })
  expect([...table.keys()].toSorted()).toEqual(["TestService.shared", "TestService.test"])
  expect(call(table, "TestService.test", "a")).toBe("<a")
  expect(call(table, "TestService.shared")).toBe("TestService")
})

test("functions of an object and methods of an instance keep their owner", () => {
  class Counter {
    count = 0
    next() {
      this.count += 1
      return this.count
    }
  }
  const Greeter = {
    word: "hi",
    hello() {
      return this.word
    },
  }
  const table = tableOf({ Greeter, counter: new Counter() })
  expect([...table.keys()].toSorted()).toEqual(["Greeter.hello", "counter.next"])
  call(table, "counter.next")
  expect(call(table, "counter.next")).toBe(2)
  expect(call(table, "Greeter.hello")).toBe("hi")
})

test("the members of a default export count like named exports, and a named export wins", () => {
  class Nested {
    static go() {
      return "nested"
    }
  }
  const table = tableOf({
    default: { hello: () => "default", bye: () => "bye", Nested, deep: { one: () => 1 } },
    hello: () => "named",
  })
  expect([...table.keys()].toSorted()).toEqual(["Nested.go", "bye", "deep.one", "hello"])
  expect(call(table, "hello")).toBe("named")
})

test("a default export that is a named function or a class goes by its name", () => {
  expect(names({ default: function greet() {} })).toEqual(["greet"])
  class Service {
    static run() {}
  }
  expect(names({ default: Service })).toEqual(["Service.run"])
})

test("constructors, prototypes, private names and getters can't be called", () => {
  let ran = false
  class Service {
    static ok() {}
    static _private() {}
    static get danger() {
      ran = true
      return () => 0
    }
  }
  expect(names({ Service, _hidden: () => 0, constructor: () => 0, __proto__x: () => 0 })).toEqual(["Service.ok"])
  expect(ran).toBe(false)
  const table = tableOf({ Service, plain: {} })
  for (const name of ["Service.constructor", "Service.prototype", "Service.call", "plain.toString", "constructor"]) {
    expect(table.get(name)).toBeUndefined()
  }
})

test("ready and tasks of a module are no methods, and what every service answers itself is told", () => {
  const exports = {
    ready: () => 1,
    tasks: { resize: (width: number) => width * 2 },
    default: { tasks: { other: () => 0 } },
    ping: () => "mine",
    stats: { own: () => 1 },
    methods: () => [],
    hello: () => "hello",
  }
  const { methods, reserved } = methodTable(exports)
  expect([...methods.keys()].toSorted()).toEqual(["hello", "stats.own"])
  expect([...reserved].toSorted()).toEqual(["methods", "ping"])
  expect(readyOf(exports)?.()).toBe(1)
  expect([...tasksOf(exports).keys()]).toEqual(["resize"])
  expect(tasksOf(exports).get("resize")?.(4)).toBe(8)
  expect([...tasksOf({ default: { tasks: { other: () => 0 } } }).keys()]).toEqual(["other"])
  expect(readyOf({ ready: true })).toBeUndefined()
})

test("what method() made is a method wherever a function would be one", () => {
  class Orders {
    static find = method({ handler: (id: number) => id })
  }
  const table = tableOf({ Orders, group: { one: method({ handler: () => 1 }) }, top: method({ handler: () => 2 }) })
  expect([...table.keys()].toSorted()).toEqual(["Orders.find", "group.one", "top"])
  expect(call(table, "Orders.find", 7)).toBe(7)
  expect(table.get("top")?.details).toMatchObject({ handler: expect.any(Function) })
})

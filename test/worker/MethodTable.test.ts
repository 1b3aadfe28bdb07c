import { expect, test } from "bun:test"
import { methodTable } from "../../src/worker/MethodTable.ts"

const names = (exports: Record<string, unknown>) => [...methodTable(exports).keys()].toSorted()

test("exported functions are methods by their own name", () => {
  const table = methodTable({ hello: (name: string) => `hello ${name}`, version: "1.0", list: [1, 2] })
  expect([...table.keys()]).toEqual(["hello"])
  expect(table.get("hello")?.("x")).toBe("hello x")
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
  const table = methodTable({ TestService })
  expect([...table.keys()].toSorted()).toEqual(["TestService.shared", "TestService.test"])
  expect(table.get("TestService.test")?.("a")).toBe("<a")
  expect(table.get("TestService.shared")?.()).toBe("TestService")
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
  const table = methodTable({ Greeter, counter: new Counter() })
  expect([...table.keys()].toSorted()).toEqual(["Greeter.hello", "counter.next"])
  table.get("counter.next")?.()
  expect(table.get("counter.next")?.()).toBe(2)
  expect(table.get("Greeter.hello")?.()).toBe("hi")
})

test("the members of a default export count like named exports, and a named export wins", () => {
  class Nested {
    static go() {
      return "nested"
    }
  }
  const table = methodTable({
    default: { hello: () => "default", bye: () => "bye", Nested, deep: { one: () => 1 } },
    hello: () => "named",
  })
  expect([...table.keys()].toSorted()).toEqual(["Nested.go", "bye", "deep.one", "hello"])
  expect(table.get("hello")?.()).toBe("named")
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
  const table = methodTable({ Service, plain: {} })
  for (const name of ["Service.constructor", "Service.prototype", "Service.call", "plain.toString", "constructor"]) {
    expect(table.get(name)).toBeUndefined()
  }
})

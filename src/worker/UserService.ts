import { loadUserModule } from "../platform/UserModule.ts"
import type { MethodInfo } from "../protocol/Reflection.ts"
import type { Interceptor } from "../rpc/Interceptor.ts"
import type { CallContext } from "../service/CallContext.ts"
import { log } from "./Log.ts"
import { interceptorsOf, type MethodTable, methodTable, readyOf, tasksOf, type UserFunction } from "./MethodTable.ts"
import { describeMethods } from "./Reflect.ts"

/** What a user's module offers. */
export interface UserService {
  readonly methods: MethodTable
  readonly described: ReadonlyArray<MethodInfo>
  readonly tasks: ReadonlyMap<string, UserFunction>
  /** What stands around each call, the outermost first. */
  readonly interceptors: ReadonlyArray<Interceptor<CallContext>>
  /** What the module wants done before its first call. */
  readonly ready: (() => unknown) | undefined
}

/** Rejects with a ModuleFailed that says what is wrong, and where. */
export const loadService = async (module: string): Promise<UserService> => {
  const exports = await loadUserModule(module)
  const { methods, reserved } = methodTable(exports)
  if (reserved.length > 0)
    log("WARN", `${module} exports ${reserved.join(" and ")} in vain: every service answers that by itself`)
  return {
    methods,
    described: describeMethods(methods),
    tasks: tasksOf(exports),
    interceptors: interceptorsOf(exports),
    ready: readyOf(exports),
  }
}

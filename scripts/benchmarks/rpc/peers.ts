import { bare } from "./bare.ts"
import { grpc } from "./grpc.ts"
import { hono } from "./hono.ts"
import { muster } from "./muster.ts"

export const peers = { muster, bare, hono, grpc } as const
export type PeerName = keyof typeof peers

/**
 * Where a record stands: an epoch, a number inside it, and the hash of the chain up to it.
 *
 * Every epoch is a chain of its own: records 1, 2, 3 ... with
 * `hash(n) = SHA-256(hash(n-1) ‖ payload(n))`, both as raw bytes. Record 1 is `epoch.begun`; the
 * hash before it is the parent's hash, or 32 zero bytes where there is no parent.
 */
import { z } from 'zod'

export { samePosition, ZERO_HASH } from './same-position.ts'

/** 128 random bits, 32 lower-case hex digits: two gateways never begin the same epoch. */
export const EpochId = z.string().regex(/^[0-9a-f]{32}$/)
/** SHA-256, 64 lower-case hex digits. */
export const HashHex = z.string().regex(/^[0-9a-f]{64}$/)
/** A record's number inside its epoch, from 1. 0 means "before the first". */
export const Seq = z.int().min(0).max(Number.MAX_SAFE_INTEGER)

export const Position = z.strictObject({ epoch: EpochId, seq: Seq, hash: HashHex })
export type Position = z.infer<typeof Position>

/** SHA-256 over the concatenation of the parts, 32 bytes. Programs bring it; the kernel has none. */
export type Sha256 = (...parts: Uint8Array[]) => Uint8Array

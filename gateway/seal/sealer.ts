/**
 * Turns a card in clear into what may leave memory: a token that is the same for the same person
 * in this hall, and the card sealed to the controller's public key. The sealed card says nothing
 * without a key that never was on this gateway. The token says nothing without the hall key, which
 * lies here encrypted to the gateway's own key, beside that key: whoever has all of this disk can
 * try card numbers against tokens. Disk encryption is the remedy.
 *
 * Faults: `invalid` for a key that is no key, `too_large` for a card beyond the largest size.
 */
import { createHmac } from 'node:crypto'
import { CompactEncrypt, importJWK } from 'jose'
import type { PublicKey } from '#devices/contract/enrolment.ts'
import { assert } from '#devices/std/assert.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Card } from '#devices/types/card.ts'
import { normaliseNumber } from './number.ts'

export interface Sealer {
  /** `subject`: 64 hex digits. `sealed`: compact JWE, ECDH-ES+A256KW and A256GCM. */
  seal(card: Pick<Card, 'text'>): Promise<{ subject: string; sealed: string }>
}

const ALG = 'ECDH-ES+A256KW'
const ENC = 'A256GCM'
/** Shorter keys are refused. */
export const HALL_KEY_BYTES_MIN = 32
/** Sealed text is padded to one of these sizes: every usual card has the first, so one length. */
const PADDED_BYTES = [1_024, 4_096, 8_192] as const

/** `hall_key` is the hall's secret for tokens, `sealing_key` the controller's public key. */
export async function createSealer(keys: {
  hall_key: Uint8Array
  sealing_key: PublicKey
}): Promise<Sealer> {
  if (keys.hall_key.length < HALL_KEY_BYTES_MIN) throw new Fault('invalid', 'hall key')
  const hall_key = Uint8Array.from(keys.hall_key)
  const { kid, ...jwk } = keys.sealing_key
  const header = kid === undefined ? { alg: ALG, enc: ENC } : { alg: ALG, enc: ENC, kid }
  const to = await importJWK(jwk, ALG).catch(() => {
    throw new Fault('invalid', 'sealing key')
  })
  return {
    async seal(card) {
      const fields = card.text
      const subject = createHmac('sha256', hall_key)
        .update(wellFormed(normaliseNumber(fields.number)), 'utf8')
        .digest('hex')
      const sealed = await new CompactEncrypt(pad({ v: 1, ...fields }))
        .setProtectedHeader(header)
        .encrypt(to)
      return { subject, sealed }
    },
  }
}

/**
 * Half a surrogate pair has no UTF-8, and all halves would become one replacement character: two
 * damaged numbers, one token. Such a number goes in as JSON escapes it; every sound one as it is.
 */
function wellFormed(number: string): string {
  return number.isWellFormed() ? number : JSON.stringify(number)
}

/**
 * JSON text, then spaces up to a size of the list; a reader's JSON parser skips them. JSON writes half
 * a surrogate pair as an escape (`\ud842`), so every code unit of a card survives UTF-8 and comes out
 * of the other end's parser as it was.
 */
function pad(value: unknown): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(value))
  const size = PADDED_BYTES.find((bytes) => bytes >= text.length)
  if (size === undefined) throw new Fault('too_large', `card of ${text.length} bytes`)
  const padded = new Uint8Array(size).fill(0x20)
  padded.set(text)
  assert(padded.length >= text.length, 'padding never cuts')
  return padded
}

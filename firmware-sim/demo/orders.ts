/**
 * Money at a demonstration counter. Where a PIN pad stands, money paid by card needs a PIN: the
 * customer agrees on the counter's screen to what is to be paid and types it at the pad. What the
 * pad gives comes back encrypted to a key of this one order and is dropped: no bank is asked here.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { sleep } from '#devices/std/clock.ts'
import type { PinPadModel } from '../models/pin-pad.ts'
import { realPace } from '../pace.ts'
import type { HttpClient } from '../people/http.ts'
import { drawOrder } from '../people/orders.ts'

const pause = (seconds: number) => sleep(realPace, seconds * 1_000, 'demo')
const around = (seconds: number) => seconds * (0.4 + 1.2 * Math.random())
const fresh = () => randomBytes(6).toString('hex')

const PIN_DIGITS = 6
/** Who cancels so often pays another time. */
const PIN_TRIES = 3

export type AtCounter = { counter: string; run: string; pin_pad: PinPadModel | null }

export async function enterOrder(
  local: HttpClient,
  { counter, run, pin_pad }: AtCounter,
): Promise<void> {
  const { lines, tenders, result } = drawOrder(Math.random)
  const byCard = pin_pad !== null && tenders.some(({ tender }) => tender === 'card')
  const path = `/orders/${run}-${fresh()}`
  const body = { counter, lines, tenders, ...(byCard ? { pin: 'required' } : {}) }
  const { content_hash } = await local.json<{ content_hash: string }>({ method: 'PUT', path, body })
  await pause(around(2))
  if (byCard && !(await agreeAndTypePin(local, path, { counter, content_hash }))) return
  const post = (what: string, body: object) =>
    local.json({ method: 'POST', path: `${path}/${what}`, key: `${what}-${fresh()}`, body })
  await post('confirm', { content_hash })
  await post('result', { result, code: '' })
}

/** False where the customer does not want to after all. */
async function agreeAndTypePin(
  local: HttpClient,
  path: string,
  { counter, content_hash }: { counter: string; content_hash: string },
): Promise<boolean> {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  const key = { kty, crv, x, y }
  const asked = { content_hash, screen: `screen-${counter}`, digits: PIN_DIGITS, key }
  for (let tries = 0; tries < PIN_TRIES; tries++) {
    const body = { ...asked, account: cardNumber() }
    const ask = { method: 'POST', path: `${path}/pin`, body } as const
    const { outcome } = await local.json<{ outcome: string }>(ask)
    if (outcome === 'entered') return true
    await pause(around(1))
  }
  return false
}

/** No bank's: numbers that begin so were never given out. */
const cardNumber = () => `999999${String(Math.floor(Math.random() * 1e13)).padStart(13, '0')}`

/** From now on somebody stands at the pad when it asks; one in ten changes their mind. */
export function typesPins(pad: PinPadModel): void {
  pad.onPrompt = () => void type(pad)
}

async function type(pad: PinPadModel): Promise<void> {
  await pause(around(1.5))
  if (Math.random() < 0.1) return pad.waiting ? pad.pressCancel() : undefined
  for (let digit = 0; digit < PIN_DIGITS && pad.waiting; digit++) {
    pad.type(String(Math.floor(Math.random() * 10)))
    await pause(around(0.3))
  }
}

/** Makes the booked records of one hall for tests of folds and stores, with steady times and ids. */
import { createHash } from 'node:crypto'
import type { AnyBooked } from '../../cloud/ports.ts'
import { type Draft, printRecord, type Rec, type Stamp } from '../../devices/contract/record.ts'

export const DAY_MS = Date.UTC(2026, 9, 12, 0, 0)
export const EPOCH = '0123456789abcdef0123456789abcdef'

export function stamp(second: number, boot = 'b00710000'): Stamp {
  const hex = boot.replace(/[^0-9a-f]/g, '0')
  return {
    ...{ wall_ms: DAY_MS + second * 1_000, boot: hex, mono_ms: second * 1_000 },
    ...{ skew_ms: null, skew_error_ms: null },
  }
}

export function ticketId(n: number): string {
  return n.toString(16).padStart(16, '0')
}

export const HASH = 'c'.repeat(64)

/** Gives places 1, 2, 3 ... to drafts; a draft comes with the second it happened at. */
export function logOf(hall: string, entries: readonly (readonly [number, Draft])[], from = 1) {
  return entries.map(([second, draft], i): AnyBooked => {
    const record = JSON.parse(printRecord(draft, stamp(second))) as Rec
    return { hall, epoch: EPOCH, seq: from + i, place: from + i, record }
  })
}

export const sale = {
  lines: [
    { item: 'sim', amount_fen: 5_000 },
    { item: 'plan', amount_fen: 12_900 },
  ],
  tenders: [
    { tender: 'cash', amount_fen: 10_000 },
    { tender: 'wechat', amount_fen: 7_900 },
  ],
}

export function entered(order: string, content = sale): Draft {
  const data = { order, counter: '3', clerk: 'C07', ticket: null, subject: null }
  return { kind: 'order.entered', data: { ...data, ...content, content_hash: HASH } }
}

export function confirmed(order: string, content_hash = HASH): Draft {
  return { kind: 'order.confirmed', data: { order, content_hash } }
}

export function result(order: string, of: 'done' | 'failed'): Draft {
  return { kind: 'order.result', data: { order, result: of, code: '' } }
}

export function opened(day = '2026-10-12'): Draft {
  return { kind: 'day.opened', data: { day, confirmed_by: null } }
}

/** Rules of a hall with one service, put in force. */
export function configured(version: number): Draft {
  const name = { zh: `厅${version}`, en: `Hall ${version}` }
  const band = { prefix: 'A', first: 1, last: 999, digits: 3 }
  const rules = {
    ...{ hall_name: name, zone: 'Asia/Shanghai', counters: ['1'], guard_window_ms: 1_500 },
    services: [{ service: 'PS', name, band }],
    classes: [{ class: 'ordinary', name, credit_s: 0 }],
  }
  return { kind: 'config.applied', data: { version, rules } }
}

export function signedIn(counter: string): Draft {
  return { kind: 'counter.signed_in', data: { counter, clerk: 'C09', services: [] } }
}

export function signedOut(counter: string): Draft {
  return { kind: 'counter.signed_out', data: { counter, clerk: 'C09' } }
}

/** Records from 1 to `to` of an epoch that nobody has. */
export function gap(to: number | null): Draft {
  return { kind: 'gap', data: { epoch: 'e'.repeat(32), from: 1, to, reason: 'damaged' } }
}

export function issued(n: number, day = '2026-10-12', printed?: string): Draft {
  const number = printed ?? `A${String(n).padStart(3, '0')}`
  const data = { ticket: ticketId(n), day, number, service: 'PS', class: 'ordinary', ahead: 0 }
  return { kind: 'ticket.issued', data }
}

export function called(n: number, counter = '3'): Draft {
  return {
    kind: 'ticket.called',
    data: { ticket: ticketId(n), counter, clerk: 'C07', how: 'next' },
  }
}

export function serving(n: number, counter = '3'): Draft {
  return { kind: 'ticket.serving', data: { ticket: ticketId(n), counter } }
}

export function done(n: number, counter = '3'): Draft {
  return { kind: 'ticket.done', data: { ticket: ticketId(n), counter } }
}

/** Confirmed with a PIN that was entered for `pin_hash`. */
export function confirmedByPin(order: string, pin_hash = HASH): Draft {
  const by = { screen: 'screen-3', device: 'pin-3', pad: '0042', key: '64' }
  const pin = { request: '9'.repeat(16), content_hash: pin_hash, ...by }
  return { kind: 'order.confirmed', data: { order, content_hash: HASH, pin } }
}

const request = (n: number) => `${n}`.repeat(16)

export function ratingAsked(n: number, counter = '3', day: string | null = '2026-10-12'): Draft {
  const visit = { ticket: ticketId(n), clerk: `C0${n}`, service: 'PS' }
  return { kind: 'rating.asked', data: { request: request(n), day, counter, ...visit, keys: 5 } }
}

/** Question `n` answered with `score`; null: a press that is nobody's. */
export function ratingGiven(n: number | null, score: number, counter = '3'): Draft {
  const visit =
    n === null
      ? { request: null, ticket: null, clerk: null, service: null }
      : { request: request(n), ticket: ticketId(n), clerk: `C0${n}`, service: 'PS' }
  const press = { key: 6 - score, score, keys: 5, attributed: n !== null }
  return { kind: 'rating.given', data: { ...visit, day: '2026-10-12', counter, ...press } }
}

export function bound(device: string, identity: string, counter: string | null = '3'): Draft {
  const at = { place: 'serial:/dev/ttyS0', counter, by: 'ann' }
  return { kind: 'device.bound', data: { device, type: 'id_card_reader', identity, ...at } }
}

export function replaced(device: string, old_identity: string, new_identity: string): Draft {
  return { kind: 'device.replaced', data: { device, old_identity, new_identity, by: 'bob' } }
}

export function sha(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

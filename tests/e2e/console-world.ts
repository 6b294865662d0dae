/** A console with something to look at: halls whose logs were booked, heard or not, in trouble or not. */
import type { Draft } from '../../devices/contract/record.ts'
import { type HttpFixture, LogWriter, rules } from '../cloud/http-fixture.ts'
import { DAY_MS, HASH, ticketId } from '../cloud/log-maker.ts'

const DAY = '2026-10-12'

const names = {
  people: { zh: '人民路营业厅', en: 'Renmin Road' },
  west: { zh: '西湖文化广场营业厅', en: 'West Lake Cultural Square' },
  station: { zh: '火车东站营业厅', en: 'East Railway Station' },
}

const services = [
  ['PS', '个人业务', 'Personal', 'A'],
  ['PE', '英语服务', 'English desk', 'B'],
  ['NW', '开户咨询', 'New customers', 'C'],
  ['NE', '证券业务', 'Securities', 'D'],
].map(([service, zh, en, prefix]) => {
  const band = { prefix: prefix!, first: 1, last: 999, digits: 3 }
  return { service: service!, name: { zh: zh!, en: en! }, band }
})

const counters = Array.from({ length: 9 }, (_, i) => String(i + 1))

export type World = { logs: LogWriter[]; now: number }

/** Seconds run from the start of the business day. */
export async function build(http: HttpFixture): Promise<World> {
  const logs: LogWriter[] = []
  for (const [i, [hall, hall_name]] of Object.entries(names).entries()) {
    const config = { ...rules, hall_name, services, counters }
    await http.post('/api/halls', { hall, rules: config })
    const log = new LogWriter(http.store, hall)
    await log.begin(String(i + 1).repeat(32), null)
    const day = { day: DAY, confirmed_by: null }
    await log.append([
      [1, { kind: 'config.applied', data: { version: 1, rules: config } }],
      [2, { kind: 'day.opened', data: day }],
      ...counters.slice(0, 7).map((counter, n): [number, Draft] => {
        const data = { counter, clerk: `A0${n + 1}`, services: [] }
        return [3 + n, { kind: 'counter.signed_in', data }]
      }),
    ])
    const people = Array.from({ length: 60 }, (_, n) => customer(n + 1, (n + 1) * 40 + i * 7))
    await log.append(people.flat())
    const waiting = Array.from({ length: 1 + 6 * (2 - i) }, (_, n) => n + 61)
    await log.append(waiting.map((n) => arrival(n, 2_500 + n * 9)))
    http.presence.hear(hall, birthOf(log, i))
    logs.push(log)
  }
  const gap = { epoch: 'e'.repeat(32), from: 40, to: 44, reason: 'damaged' } as const
  await logs[2]!.append([[3_200, { kind: 'gap', data: gap }]])
  http.clock.now_ms = DAY_MS + 3_240_000
  return { logs, now: 3_240 }
}

const serviceOf = (n: number) => services[[0, 0, 1, 0, 2, 0, 3][n % 7]!]!
const numberOf = (n: number) => `${serviceOf(n).band.prefix}${String(n).padStart(3, '0')}`

export function arrival(n: number, second: number): [number, Draft] {
  const about = { number: numberOf(n), service: serviceOf(n).service, class: 'ordinary', ahead: 0 }
  return [second, { kind: 'ticket.issued', data: { ticket: ticketId(n), day: DAY, ...about } }]
}

export function call(n: number, second: number, counter: string): [number, Draft] {
  const data = { ticket: ticketId(n), counter, clerk: `A0${counter}`, how: 'next' } as const
  return [second, { kind: 'ticket.called', data }]
}

/** One person from ticket to leaving; the last few are still at their counters. */
function customer(n: number, second: number): [number, Draft][] {
  const counter = String((n % 7) + 1)
  const [ticket, clerk] = [ticketId(n), `A0${counter}`]
  const steps: [number, Draft][] = [
    arrival(n, second),
    call(n, second + 30 + (n % 9) * 22, counter),
  ]
  const at = second + 60 + (n % 9) * 22
  if (n > 57) return steps
  steps.push([at, { kind: 'ticket.serving', data: { ticket, counter } }])
  if (n > 53) return steps
  const amount_fen = 1_990 + ((n * 7_919) % 40_000)
  const tender = ['cash', 'wechat', 'alipay', 'card'][n % 4]!
  const order = `${n}-order`
  const person = { counter, clerk, ticket, subject: null }
  const lines = [{ item: ['plan', 'sim', 'broadband'][n % 3]!, amount_fen }]
  const content = { lines, tenders: [{ tender, amount_fen }], content_hash: HASH }
  steps.push([at + 40, { kind: 'order.entered', data: { order, ...person, ...content } }])
  steps.push([at + 70, { kind: 'order.confirmed', data: { order, content_hash: HASH } }])
  const result = n % 17 === 0 ? ('failed' as const) : ('done' as const)
  steps.push([at + 74, { kind: 'order.result', data: { order, result, code: '' } }])
  steps.push([at + 90, { kind: 'ticket.done', data: { ticket, counter } }])
  return steps
}

const devices = [
  ['panel', 'ticket_panel', 'online', 'answers'],
  ['printer', 'ticket_printer', 'online', 'paper_low'],
  ['reader-1', 'id_card_reader', 'online', 'answers'],
  ['reader-2', 'id_card_reader', 'device_busy', 'answers'],
  ['pad-1', 'call_pad', 'online', 'answers'],
  ['pad-2', 'call_pad', 'offline', 'device_gone'],
] as const

export function birthOf(log: LogWriter, i: number): Uint8Array {
  const broken = i === 1 ? 'user_error' : null
  const birth = {
    ...{ v: 1, type: 'birth', gateway: `gw-7f3a0${i}`, fence: 1, session: `${i}`.repeat(16) },
    ...{ epoch: log.epoch, epoch_number: 1, parent: null, head: { seq: log.seq, hash: log.hash } },
    ...{ unbooked: 0, unbooked_since_ms: null, version: '0.1.0', config_version: 1 },
    devices: devices.map(([device, type, state, reason], n) => ({
      ...{ device, type, reason, since_ms: DAY_MS + n * 400_000 },
      state: n === 1 && broken !== null ? broken : state,
    })),
    clock: { wall_ms: DAY_MS, skew_ms: 12 - i * 9 },
    sent: { boot: 'b', mono_ms: 0 },
  }
  return new TextEncoder().encode(JSON.stringify(birth))
}

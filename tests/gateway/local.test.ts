/** The local API as callers meet it: a real server, the real hall engine behind it. */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Fault, faults } from '#devices/std/fault.ts'
import { faultsZh } from '#devices/std/fault-zh.ts'
import { Card } from '#devices/types/card.ts'
import type { ResidentText } from '#devices/wire/id-card-text.ts'
import { BODY_BYTES_MAX } from '../../gateway/local/guard.ts'
import { serveLocalApi } from '../../gateway/local/server.ts'
import { realPace } from '../../gateway/pace.ts'
import { type Hall, openForBusiness, openHall, type Who } from './local-fixture.ts'

type Body = NonNullable<RequestInit['body']>

const order = {
  counter: '1',
  lines: [{ item: 'sim-card', amount_fen: 5_000 }],
  tenders: [{ tender: 'cash', amount_fen: 5_000 }],
}

describe('how fast one token may ask', () => {
  test('is a burst, then so many a second; others, and what steps the time, do not feel it', async () => {
    await using hall = await openHall({ serve: { requests: { burst: 3, a_second: 0.001 } } })
    const statuses = async (who: Who | null) => {
      const all: number[] = []
      for (let i = 0; i < 5; i++) all.push((await hall.call(who, 'GET', '/counts')).status)
      return all
    }
    expect(await statuses('kiosk')).toEqual([200, 200, 200, 429, 429])
    expect(await statuses('clerks')).toEqual([200, 200, 200, 429, 429])
    expect(await statuses('replay')).toEqual([200, 200, 200, 200, 200])
    expect(await statuses(null)).toEqual([401, 401, 401, 401, 401])
    const refused = await hall.call('kiosk', 'GET', '/counts')
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(refused.json).toMatchObject({ code: 'too_fast', text: { zh: faultsZh.too_fast } })
  })
})

describe('a day at the counter', () => {
  test('from the ticket to a confirmed order, each step recorded, figures agree', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const post = (path: string, key: string, body?: unknown) =>
      hall.call('counter-1', 'POST', path, body === undefined ? { key } : { key, body })
    const ticket = await hall.call('kiosk', 'POST', '/tickets', {
      key: 'p1',
      body: { service: 'cash' },
    })
    expect(ticket).toMatchObject({ status: 200, json: { outcome: 'recorded', number: 'A001' } })
    expect(await post('/counters/1/call-next', 'n1')).toMatchObject({ json: { number: 'A001' } })
    expect((await post('/counters/1/serve', 's1')).status).toBe(200)
    const entered = await hall.call('counter-1', 'PUT', '/orders/o-1', { body: order })
    const { content_hash } = entered.json as { content_hash: string }
    const wrong = await post('/orders/o-1/confirm', 'c0', { content_hash: '0'.repeat(64) })
    expect(wrong).toMatchObject({ status: 409, json: { code: 'hash_mismatch' } })
    expect((await post('/orders/o-1/confirm', 'c1', { content_hash })).status).toBe(200)
    const result = await post('/orders/o-1/result', 'r1', { result: 'done', code: '0' })
    expect(result.status).toBe(200)
    const open = await hall.call('counter-1', 'GET', '/counters/1')
    expect(open.json).toMatchObject({ clerk: 'li', order: 'o-1', ticket: { state: 'serving' } })
    expect((await post('/counters/1/done', 'd1')).status).toBe(200)
    const counts = await hall.call('kiosk', 'GET', '/counts')
    expect(counts.json).toMatchObject({ tickets: 1, served: 1, waiting: 0, orders_confirmed: 1 })
  })

  test('the same press twice is one ticket, also when both come at once', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const press = () =>
      hall.call('kiosk', 'POST', '/tickets', { key: 'same', body: { service: 'cash' } })
    const [a, b] = await Promise.all([press(), press()])
    expect(b.json.ticket).toBe(a.json.ticket)
    expect([a.json.repeat, b.json.repeat].sort()).toEqual([false, true])
    const { json } = await hall.call('clerks', 'GET', '/tickets')
    expect(json.tickets).toHaveLength(1)
  })

  test('keys of two callers do not meet', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const body = { service: 'cash' }
    const a = await hall.call('kiosk', 'POST', '/tickets', { key: 'k', body })
    const b = await hall.call('clerks', 'POST', '/tickets', { key: 'k', body })
    expect(b.json.ticket).not.toBe(a.json.ticket)
  })

  test('an order can change and change back until confirmed, then never', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const put = (fen: number) =>
      hall.call('counter-1', 'PUT', '/orders/o', {
        body: {
          ...order,
          lines: [{ item: 'x', amount_fen: fen }],
          tenders: [{ tender: 'cash', amount_fen: fen }],
        },
      })
    const first = await put(100)
    expect((await put(200)).json.content_hash).not.toBe(first.json.content_hash)
    const back = await put(100)
    expect(back.json).toMatchObject({ repeat: false, content_hash: first.json.content_hash })
    expect((await put(100)).json.repeat).toBe(true)
    const { content_hash } = back.json
    await hall.call('counter-1', 'POST', '/orders/o/confirm', { key: 'c', body: { content_hash } })
    expect(await put(200)).toMatchObject({ status: 409, json: { code: 'order_final' } })
    expect((await put(100)).json.repeat).toBe(true)
  })

  test('the content hash covers every amount, whatever the order of the members', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const { tenders, lines, counter } = order
    const a = await hall.call('counter-1', 'PUT', '/orders/o', {
      body: { counter, lines, tenders },
    })
    const b = await hall.call('counter-1', 'PUT', '/orders/o', {
      body: { tenders, lines, counter },
    })
    expect(b.json).toMatchObject({ repeat: true, content_hash: a.json.content_hash })
  })

  test('lists go on behind the last one seen', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    for (let i = 0; i < 5; i++) {
      await hall.call('kiosk', 'POST', '/tickets', { key: `p${i}`, body: { service: 'cash' } })
    }
    const seen: string[] = []
    let after = ''
    for (let more = true; more; ) {
      const { json } = await hall.call('clerks', 'GET', `/tickets?limit=2${after}`)
      const tickets = json.tickets as { ticket: string; number: string }[]
      seen.push(...tickets.map((ticket) => ticket.number))
      after = `&after=${tickets.at(-1)?.ticket}`
      more = json.more as boolean
    }
    expect(seen).toEqual(['A001', 'A002', 'A003', 'A004', 'A005'])
  })

  test('what the disk refuses is told with its code, and works again afterwards', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const press = () =>
      hall.call('kiosk', 'POST', '/tickets', { key: 'p', body: { service: 'cash' } })
    hall.failLog(new Fault('disk_full'))
    const full = await press()
    expect(full).toMatchObject({ status: 507, json: { code: 'disk_full' } })
    expect(full.headers.get('retry-after')).not.toBeNull()
    hall.failLog(null)
    expect(await press()).toMatchObject({ status: 200, json: { number: 'A001', repeat: false } })
  })
})

describe('who may do what', () => {
  let hall: Hall
  beforeAll(async () => {
    hall = await openHall()
    await openForBusiness(hall)
  })
  afterAll(() => hall[Symbol.asyncDispose]())

  test('nothing but the empty page and the documentation is told without a token', async () => {
    const { json } = await hall.call(null, 'GET', '/openapi.json')
    const paths = Object.entries(json.paths as Record<string, Record<string, unknown>>)
    expect(paths.length).toBeGreaterThan(25)
    for (const [path, methods] of paths) {
      for (const method of Object.keys(methods)) {
        const filled = path.replaceAll(/\{\w+\}/g, '1')
        const answer = await hall.call(null, method.toUpperCase(), filled)
        expect([path, method, answer.status, answer.json.code]).toEqual([
          path,
          method,
          401,
          'unauthorised',
        ])
      }
    }
    expect((await hall.call(null, 'GET', '/events')).status).toBe(401)
    expect((await hall.call(null, 'GET', '/nowhere')).status).toBe(401)
  })

  test('a wrong, a cut and a foreign token are refused alike', async () => {
    const good = hall.tokens.clerks
    for (const token of ['hw_wrong', good.slice(0, -1), `${good}x`, `${good} ${good}`, '']) {
      const headers = { authorization: `Bearer ${token}` }
      expect((await hall.call(null, 'GET', '/day', { headers })).status).toBe(401)
    }
  })

  test('a token of a counter acts at that counter only', async () => {
    const cases: [string, string, unknown][] = [
      ['POST', '/counters/1/done', undefined],
      ['POST', '/counters/1/sign-in', { clerk: 'wu' }],
      ['POST', '/counters/1/call', { number: 'A001' }],
      ['PUT', '/orders/o-9', order],
    ]
    for (const [method, path, body] of cases) {
      const options = body === undefined ? { key: 'k' } : { key: 'k', body }
      const answer = await hall.call('counter-2', method, path, options)
      expect([path, answer.status]).toEqual([path, 403])
    }
    await hall.call('counter-1', 'PUT', '/orders/o-2', { body: order })
    const body = { content_hash: '0'.repeat(64) }
    const foreign = await hall.call('counter-2', 'POST', '/orders/o-2/confirm', { key: 'x', body })
    expect(foreign.status).toBe(403)
  })

  test('a token of a counter neither takes another counter’s order or ticket nor turns the day', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    await hall.call('counter-1', 'PUT', '/orders/mine', { body: order })
    const taken = { ...order, counter: '2' }
    const put = await hall.call('counter-2', 'PUT', '/orders/mine', { body: taken })
    expect([put.status, put.json.code]).toEqual([403, 'forbidden'])
    const { json } = await hall.call('clerks', 'GET', '/orders/mine')
    expect(json.counter).toBe('1')

    await hall.call('kiosk', 'POST', '/tickets', { key: 'p', body: { service: 'cash' } })
    const called = await hall.call('counter-1', 'POST', '/counters/1/call-next', { key: 'n' })
    const path = `/tickets/${called.json.ticket}/void`
    const body = { by: 'zhou', reason: 'away with it' }
    expect((await hall.call('counter-2', 'POST', path, { key: 'v', body })).status).toBe(403)
    expect((await hall.call('counter-1', 'POST', path, { key: 'v', body })).status).toBe(200)

    const day = { day: '9999-12-31', confirmed_by: 'me' }
    const open = await hall.call('counter-1', 'POST', '/day/open', { key: 'o', body: day })
    expect(open.status).toBe(403)
    expect((await hall.call('counter-1', 'POST', '/day/close', { key: 'c' })).status).toBe(403)
    expect((await hall.call('clerks', 'GET', '/day')).json).toMatchObject({ open: true })
    expect((await hall.call('clerks', 'POST', '/day/close', { key: 'c' })).status).toBe(200)
  })

  test('a kiosk finds a ticket by its id, and hears no other’s: an id can make a ticket leave', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const body = { service: 'cash' }
    const { json } = await hall.call('kiosk', 'POST', '/tickets', { key: 'p', body })
    expect((await hall.call('kiosk', 'GET', `/tickets/${json.ticket}`)).status).toBe(200)
    expect((await hall.call('kiosk', 'GET', '/tickets')).status).toBe(403)
  })

  test('a kiosk sees no money, no devices, and calls nobody', async () => {
    for (const path of ['/orders', '/orders/o-2', '/devices', '/status']) {
      expect([path, (await hall.call('kiosk', 'GET', path)).status]).toEqual([path, 403])
    }
    const next = await hall.call('kiosk', 'POST', '/counters/1/call-next', { key: 'n' })
    expect(next.status).toBe(403)
  })

  test('an alarm of the log is cleared by an installer who names it, once', async () => {
    const clear = (who: 'installer' | 'clerks', alarm: string) =>
      hall.call(who, 'POST', '/alarms/clear', { body: { alarm } })
    const alarms = async () => (await hall.call('installer', 'GET', '/status')).json.alarms
    expect((await clear('clerks', 'receipt_hash_differs')).status).toBe(403)
    expect((await clear('installer', 'log_missing')).status).toBe(404)
    expect(await alarms()).toEqual(['receipt_hash_differs'])
    const cleared = await clear('installer', 'receipt_hash_differs')
    expect(cleared).toMatchObject({ status: 200, json: { alarm: 'receipt_hash_differs' } })
    expect(await alarms()).toEqual([])
    expect((await clear('installer', 'receipt_hash_differs')).status).toBe(404)
  })

  test('time is stepped only by a replay, only where it is not real', async () => {
    const body = { wall_ms: Date.UTC(2026, 0, 5, 2) }
    expect((await hall.call('replay', 'POST', '/time', { body })).status).toBe(403)
    await using stepped = await openHall({ stepped: true })
    expect((await stepped.call('installer', 'POST', '/time', { body })).status).toBe(403)
    const set = (wall_ms: number) => stepped.call('replay', 'POST', '/time', { body: { wall_ms } })
    expect((await set(body.wall_ms)).json).toEqual({ outcome: 'moved' })
    expect((await set(body.wall_ms - 1)).json).toEqual({ outcome: 'behind' })
    expect((await set(body.wall_ms)).json).toEqual({ outcome: 'moved' })
  })
})

describe('bad input', () => {
  let hall: Hall
  beforeAll(async () => {
    hall = await openHall()
    await openForBusiness(hall)
  })
  afterAll(() => hall[Symbol.asyncDispose]())

  const raw = async (body: Body, type = 'application/json') => {
    const answer = await fetch(`${hall.url}/tickets`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${hall.tokens.kiosk}`,
        'idempotency-key': 'bad',
        'content-type': type,
      },
      body,
      duplex: 'half',
    } as RequestInit)
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
  }

  test('every problem of a body is named at once with its path, in both languages', async () => {
    const body = {
      counter: '一',
      lines: [
        { item: 'x', amount_fen: -1 },
        { item: 'y', amount_fen: 0.5, more: 1 },
      ],
      tenders: [],
    }
    const { status, json } = await hall.call('clerks', 'PUT', '/orders/o', { body })
    const paths = (json.problems as { path: string }[]).map(({ path }) => path).sort()
    expect(status).toBe(422)
    expect(paths).toEqual([
      'counter',
      'lines[0].amount_fen',
      'lines[1].amount_fen',
      'lines[1].more',
      'tenders',
    ])
    expect(json.text).toEqual({ zh: faultsZh.invalid, en: faults.invalid.text })
  })

  test('amounts beyond 2^53 and orders that do not balance are refused', async () => {
    const put = (fen: string, paid: string) =>
      fetch(`${hall.url}/orders/big`, {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${hall.tokens.clerks}`,
          'content-type': 'application/json',
        },
        body: `{"counter":"1","lines":[{"item":"x","amount_fen":${fen}}],"tenders":[{"tender":"cash","amount_fen":${paid}}]}`,
      })
    expect((await put('9007199254740992', '9007199254740992')).status).toBe(422)
    expect((await put('1e400', '1')).status).toBe(422)
    expect(await (await put('100', '99')).json()).toMatchObject({ code: 'order_unbalanced' })
    expect((await put('9007199254740991', '9007199254740991')).status).toBe(200)
  })

  test('too large, too deep, not UTF-8, NUL, not JSON: refused by name, and good input goes on', async () => {
    const large = JSON.stringify({ service: 'x'.repeat(BODY_BYTES_MAX) })
    const stream = () => new Blob([large]).stream()
    const cases: [string, Body, number][] = [
      ['too_large', large, 413],
      ['too_large', stream(), 413],
      ['too_deep', `${'['.repeat(5_000)}${']'.repeat(5_000)}`, 400],
      ['bad_text', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400],
      ['malformed', '{"service":', 400],
      ['malformed', '{"service":"cash"}garbage', 400],
      ['invalid', '[]', 422],
      ['invalid', 'null', 422],
      ['invalid', '{"service":"cash","__proto__":{"x":1}}', 422],
    ]
    for (const [code, body, status] of cases) {
      expect(await raw(body)).toMatchObject({ status, json: { code } })
    }
    expect(await raw('service=cash', 'text/plain')).toMatchObject({ json: { code: 'malformed' } })
    expect(await raw('')).toMatchObject({ status: 400, json: { code: 'malformed' } })
    const voided = await hall.call('clerks', 'POST', `/tickets/${'0'.repeat(16)}/void`, {
      key: 'v',
      body: { by: 'li', reason: 'a\u0000b' },
    })
    expect(voided).toMatchObject({ status: 400, json: { code: 'bad_text' } })
    const good = await hall.call('kiosk', 'POST', '/tickets', {
      key: 'good',
      body: { service: 'cash' },
    })
    expect(good.status).toBe(200)
  })

  test('a write without a key, or with one that cannot be kept, is refused', async () => {
    const body = { service: 'cash' }
    expect((await hall.call('kiosk', 'POST', '/tickets', { body })).status).toBe(422)
    const long = await hall.call('kiosk', 'POST', '/tickets', { key: 'k'.repeat(129), body })
    expect(long.status).toBe(422)
    const reused = { key: 'once' }
    await hall.call('kiosk', 'POST', '/tickets', { ...reused, body })
    const other = { kiosk: 'k1', purpose: 'bill' }
    const answer = await hall.call('kiosk', 'POST', '/kiosk-visits', { ...reused, body: other })
    expect(answer).toMatchObject({ status: 422, json: { code: 'key_reused' } })
  })

  test('ids from outside that are words of the language are only ids', async () => {
    for (const id of ['__proto__', 'constructor', 'toString']) {
      expect((await hall.call('clerks', 'GET', `/orders/${id}`)).status).toBe(404)
      expect((await hall.call('clerks', 'GET', `/counters/${id}`)).status).not.toBe(200)
    }
  })

  test('rubbish on the socket ends that connection and no other', async () => {
    for (const bytes of [
      '\u0000\u0001\u0002\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
    ]) {
      const socket = connect(Number(new URL(hall.url).port), '127.0.0.1')
      socket.on('error', () => {})
      socket.write(bytes)
      await new Promise((resolve) => socket.on('close', resolve).resume())
    }
    expect((await hall.call('kiosk', 'GET', '/day')).status).toBe(200)
  })
})

describe('where it listens', () => {
  test('outside loopback it refuses to start without TLS, unless that is said', async () => {
    await using hall = await openHall()
    const start = (insecure: boolean) =>
      serveLocalApi(hall.deps, { host: '0.0.0.0', port: 0 }, { pace: realPace, insecure })
    await expect(start(false)).rejects.toMatchObject({ code: 'insecure' })
    await using open = await start(true)
    const page = await (await fetch(open.url.replace('0.0.0.0', '127.0.0.1'))).text()
    expect(page).toContain('data-insecure="yes"')
    expect(await (await fetch(hall.url)).text()).toContain('data-insecure="no"')
  })

  test('a port in use is named', async () => {
    await using hall = await openHall()
    const port = Number(new URL(hall.url).port)
    const start = serveLocalApi(hall.deps, { host: '127.0.0.1', port }, { pace: realPace })
    await expect(start).rejects.toMatchObject({ code: 'port_in_use' })
  })

  test('a certificate that cannot be used is a fault of the configuration', async () => {
    await using hall = await openHall()
    const tls = { cert_file: '/nowhere/cert.pem', key_file: '/nowhere/key.pem' }
    const start = serveLocalApi(hall.deps, { host: '::1', port: 0, tls }, { pace: realPace })
    await expect(start).rejects.toMatchObject({ code: 'config_invalid' })
  })
})

describe('the card in clear', () => {
  const fields: ResidentText = {
    kind: 'resident',
    name: '甲\u{20000}',
    sex: '1',
    nation: '01',
    birth: '19491231',
    address: '某路1号',
    number: '11010519491231002X',
    issuer: '某局',
    valid_from: '20200101',
    valid_to: '长期',
    reserved: '',
  }
  const card = new Card(1, { text: fields, warnings: [] })

  async function withCard(hall: Hall): Promise<void> {
    await openForBusiness(hall)
    await hall.call('kiosk', 'POST', '/tickets', { key: 'p', body: { service: 'cash' } })
    const { json } = await hall.call('clerks', 'POST', '/counters/1/call-next', { key: 'n' })
    const session = { clerk: 'li', ticket: json.ticket as string }
    hall.deps.cards.put('1', card, session)
  }

  test('is given to a token of that counter only, and never stored by the browser', async () => {
    await using hall = await openHall()
    await withCard(hall)
    const own = await hall.call('counter-1', 'GET', '/counters/1/card')
    expect(own.json).toEqual({ fields })
    expect(own.headers.get('cache-control')).toBe('no-store')
    for (const who of ['counter-2', 'clerks', 'installer', 'replay', 'kiosk'] as const) {
      expect([who, (await hall.call(who, 'GET', '/counters/1/card')).status]).toEqual([who, 403])
    }
    expect(hall.logged.join('\n')).not.toContain(fields.number)
  })

  test.each([
    ['done', ['serve', 'done']],
    ['a no-show', ['no-show']],
  ])('is forgotten with the ticket: %s', async (_name, buttons) => {
    await using hall = await openHall()
    await withCard(hall)
    for (const button of buttons) {
      const pressed = await hall.call('clerks', 'POST', `/counters/1/${button}`, { key: button })
      expect(pressed.status).toBe(200)
    }
    expect((await hall.call('counter-1', 'GET', '/counters/1/card')).status).toBe(404)
  })

  test('is forgotten when a button of a pad ends the session, before anybody asks', async () => {
    await using hall = await openHall()
    await withCard(hall)
    const { ticket } = hall.desk.state.counters['1']!
    await hall.desk.submit({ type: 'no_show', counter: '1' })
    // The very session it was read in: what is gone was forgotten, not only withheld.
    expect(hall.deps.cards.read('1', { clerk: 'li', ticket })).toBeNull()
  })

  test('does not cross a link that others can read', async () => {
    await using hall = await openHall({ host: '0.0.0.0', insecure: true })
    await withCard(hall)
    const answer = await hall.call('counter-1', 'GET', '/counters/1/card')
    expect(answer.json).toMatchObject({ code: 'insecure' })
  })
})

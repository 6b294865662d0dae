/** The local API over WebSocket: one contract with HTTP, and nobody who can hold the gateway up. */
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { serveLocalApi } from '../../../gateway/local/server.ts'
import { realPace } from '../../../gateway/pace.ts'
import { makeCertificate } from '../local-certificate.ts'
import { openForBusiness, openHall } from '../local-fixture.ts'
import { greeted, KioskClient, type Message } from './client.ts'

const isType = (type: string) => (message: Message) => message.type === type

describe('over a WebSocket', () => {
  test('a request has the answer of the same request over HTTP', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    await using kiosk = await greeted(hall.url, hall.tokens.kiosk)
    expect(kiosk.ws.protocol).toBe('hallway.v1')
    const pressed = await kiosk.ask('POST', '/tickets', { key: 'p1', body: { service: 'cash' } })
    expect(pressed).toMatchObject({ status: 200, body: { number: 'A001', repeat: false } })
    const wrong: [string, string, object][] = [
      ['GET', '/counts', {}],
      ['GET', '/tickets', {}],
      ['GET', '/no-such-thing', {}],
      ['POST', '/tickets', { key: 'p2', body: { service: 'none' } }],
      ['POST', '/tickets', { key: 'p3', body: { service: 'cash', more: 1 } }],
      ['POST', '/tickets', { body: { service: 'cash' } }],
      ['POST', '/day/close', { key: 'p4' }],
    ]
    for (const [method, path, more] of wrong) {
      const [said, asked] = await Promise.all([
        kiosk.ask(method, path, more),
        hall.call('kiosk', method, path, more),
      ])
      expect([path, said.status, said.body]).toEqual([path, asked.status, asked.json])
    }
  })

  test('the same key has the first outcome, over one channel or the other', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    await using kiosk = await greeted(hall.url, hall.tokens.kiosk)
    const press = { key: 'once', body: { service: 'cash' } }
    const all = await Promise.all([
      kiosk.ask('POST', '/tickets', press),
      kiosk.ask('POST', '/tickets', press),
    ])
    await using again = await greeted(hall.url, hall.tokens.kiosk)
    all.push(await again.ask('POST', '/tickets', press))
    const http = await hall.call('kiosk', 'POST', '/tickets', press)
    const numbers = [...all.map(({ body }) => (body as Message).number), http.json.number]
    expect(new Set(numbers)).toEqual(new Set(['A001']))
    expect((await hall.call('clerks', 'GET', '/counts')).json.tickets).toBe(1)
  })

  test('tells what happens: counters, the call once, the board whole', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    await using screen = await greeted(hall.url, hall.tokens.kiosk)
    await hall.call('kiosk', 'POST', '/tickets', { key: 'p', body: { service: 'cash' } })
    await hall.call('clerks', 'POST', '/counters/1/call-next', { key: 'n' })
    const call = await screen.hears(isType('call'))
    expect(call).toEqual({ type: 'call', counter: '1', number: 'A001', times: 0 })
    const shown = (board: Message) =>
      (board.counters as Message[]).find(({ counter }) => counter === '1')
    const board = await screen.hears(
      (message) => isType('board')(message) && shown(message.board as Message)?.state === 'called',
    )
    expect(shown(board.board as Message)).toEqual({
      counter: '1',
      state: 'called',
      number: 'A001',
      times: 0,
    })
    expect(screen.heard.filter(isType('call'))).toHaveLength(1)
  })

  test('a token may come in the first message; a wrong one ends it in either place', async () => {
    await using hall = await openHall()
    await using late = new KioskClient(hall.url, ['hallway.v1'])
    await late.open()
    late.send({ type: 'hello', token: hall.tokens.kiosk })
    expect(await late.hears(isType('hello'))).toMatchObject({ caller: { name: 'kiosk' } })

    const wrong = new KioskClient(hall.url, ['hallway.v1'])
    await wrong.open()
    wrong.send({ type: 'hello', token: 'hw_nobody' })
    expect([await wrong.closed, wrong.heard[0]?.status]).toEqual([1008, 401])

    const other = new KioskClient(hall.url, ['hallway.v1', `token.${hall.tokens.kiosk}`])
    await other.open()
    other.send({ type: 'hello', token: hall.tokens.clerks })
    expect(await other.closed).toBe(1008)

    const silent = new KioskClient(hall.url, ['hallway.v1', 'token.hw_nobody'])
    expect(await silent.closed).toBe(1006)
    expect(hall.logged.join()).not.toContain(hall.tokens.kiosk)
  })

  test('nothing is taken from the URL, and nothing before hello', async () => {
    await using hall = await openHall()
    const upgrade = (path: string, protocol: string) => statusOf(hall.url, path, protocol)
    expect(await upgrade(`/ws?token=${hall.tokens.kiosk}`, 'hallway.v1')).toBe(404)
    expect(await upgrade('/counters', 'hallway.v1')).toBe(404)
    expect(await upgrade('/ws', 'hallway.v9')).toBe(422)
    const eager = new KioskClient(hall.url, ['hallway.v1', `token.${hall.tokens.kiosk}`])
    await eager.open()
    eager.send({ id: '1', method: 'GET', path: '/day' })
    expect(await eager.closed).toBe(1008)
  })

  test('pages, streams and other hosts are no part of it', async () => {
    await using hall = await openHall()
    await using kiosk = await greeted(hall.url, hall.tokens.installer)
    for (const path of ['/', '/events', '/ws', '/./events', '//127.0.0.1/day', '/openapi.json']) {
      expect([path, (await kiosk.ask('GET', path)).status]).toEqual([path, 404])
    }
  })
})

const certificate = makeCertificate()
test.skipIf(certificate === null)('over TLS it is the same', async () => {
  const { pem, folder, ...tls } = certificate!
  await using hall = await openHall()
  await using server = await serveLocalApi(
    hall.deps,
    { host: '127.0.0.1', port: 0, tls },
    { pace: realPace },
  )
  const protocols = ['hallway.v1', `token.${hall.tokens.kiosk}`]
  await using kiosk = new KioskClient(server.url, protocols, { ca: pem })
  await kiosk.open()
  kiosk.send({ type: 'hello' })
  await kiosk.hears(isType('hello'))
  expect((await kiosk.ask('GET', '/day')).status).toBe(200)
  await expect(new KioskClient(server.url, protocols).closed).resolves.toBe(1006)
  await rm(folder, { recursive: true })
})

describe('limits', () => {
  test('text that is no request is answered, and the next request works', async () => {
    await using hall = await openHall()
    await using kiosk = await greeted(hall.url, hall.tokens.kiosk)
    const bad = ['', '{', 'null', '7', '[]', '{"id":"x"}', `${'['.repeat(40)}${']'.repeat(40)}`]
    for (const text of bad) kiosk.send(text)
    kiosk.send({ id: 'x', method: 'DELETE', path: '/day' })
    kiosk.send({ id: 'x', method: 'GET', path: 'day' })
    expect((await kiosk.ask('GET', '/day')).status).toBe(200)
    const refused = kiosk.heard.filter(({ id, status }) => status !== 200 && id !== undefined)
    expect(refused.map(({ status }) => status)).toEqual([
      400, 400, 422, 422, 422, 422, 400, 422, 422,
    ])
  })

  test('a message over the limit, a binary one, and one of broken text end the socket', async () => {
    await using hall = await openHall()
    const end = async (data: string | Buffer, binary: boolean) => {
      const kiosk = await greeted(hall.url, hall.tokens.kiosk)
      kiosk.ws.send(data, { binary })
      return kiosk.closed
    }
    expect(await end('x'.repeat(70_000), false)).toBe(1009)
    expect(await end(Buffer.from('{}'), true)).toBe(1003)
    expect(await end(Buffer.from([0xff, 0xfe]), false)).toBe(1007)
    expect((await hall.call('kiosk', 'GET', '/day')).status).toBe(200)
  })

  test('a flood is refused, then cut off, while another client is served', async () => {
    const serve = { messages: { burst: 8, a_second: 0.001, refused_in_a_row: 100 } }
    await using hall = await openHall({ serve })
    await using quiet = await greeted(hall.url, hall.tokens['kiosk-2'])
    const loud = await greeted(hall.url, hall.tokens.kiosk)
    for (let i = 0; i < 500; i++) loud.send({ id: `${i}`, method: 'GET', path: '/day' })
    expect((await quiet.ask('GET', '/day')).status).toBe(200)
    expect(await loud.closed).toBe(1008)
    const { channels } = (await hall.call('installer', 'GET', '/status')).json
    expect(channels).toMatchObject({ sockets: { open: 1, opened: 2, refused: 0, cut_off: 1 } })
    const answers = loud.heard.map(({ status }) => status)
    expect(answers.filter((status) => status === 200).length).toBeLessThanOrEqual(9)
    expect(answers).toContain(503)
  })

  test('so many strangers and no more, and each only so long', async () => {
    const patient = { sockets: { strangers: 2, hello_ms: 600_000 } }
    await using full = await openHall({ serve: patient })
    const strangers = [0, 1].map(() => new KioskClient(full.url, ['hallway.v1']))
    await Promise.all(strangers.map((one) => one.open()))
    expect(await statusOf(full.url, '/ws', 'hallway.v1')).toBe(503)
    for (const stranger of strangers) await stranger[Symbol.asyncDispose]()
    await expect.poll(() => statusOf(full.url, '/ws', 'hallway.v1')).toBe(101)

    await using hall = await openHall({ serve: { sockets: { strangers: 2, hello_ms: 300 } } })
    const waiting = [0, 1].map(() => new KioskClient(hall.url, ['hallway.v1']))
    expect(await Promise.all(waiting.map((one) => one.closed))).toEqual([1008, 1008])
    await using next = await greeted(hall.url, hall.tokens.kiosk)
    expect(next.heard).toHaveLength(1)
  })

  test('who comes and is cut off without end fills no log and hides nobody else', async () => {
    const hall = await openHall()
    const cutOff = async (token: string) => {
      const kiosk = await greeted(hall.url, token)
      kiosk.ws.send(Buffer.from('{}'), { binary: true })
      await kiosk.closed
    }
    for (let i = 0; i < 60; i++) await cutOff(hall.tokens.kiosk)
    await cutOff(hall.tokens['kiosk-2'])
    await hall[Symbol.asyncDispose]()
    const ends = hall.logged.filter((line) => line.includes('"socket.ended"'))
    const of = (caller: string) => ends.filter((line) => line.includes(`"caller":"${caller}"`))
    expect(of('kiosk').length).toBeLessThan(25)
    expect(of('kiosk').at(-1)).toMatch(/"left_out":\d\d/)
    expect(of('kiosk-2')).toHaveLength(1)
  })

  test('one token has so many sockets, another still gets in', async () => {
    await using hall = await openHall()
    await using stack = new AsyncDisposableStack()
    for (let i = 0; i < 16; i++) stack.use(await greeted(hall.url, hall.tokens.kiosk))
    const more = new KioskClient(hall.url, ['hallway.v1', `token.${hall.tokens.kiosk}`])
    await more.open()
    more.send({ type: 'hello' })
    expect(await more.closed).toBe(1013)
    await using other = await greeted(hall.url, hall.tokens['kiosk-2'])
    expect(other.heard).toHaveLength(1)
  })

  test('who answers no ping is cut off and forgotten', async () => {
    await using hall = await openHall({ serve: { sockets: { ping_ms: 100 } } })
    // Speaks the protocol up to its hello, then is as dead as a peer whose line was cut.
    const { port } = new URL(hall.url)
    const socket = connect(Number(port), '127.0.0.1').on('error', () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write(upgradeText('/ws', `hallway.v1, token.${hall.tokens.kiosk}`))
    await once(socket, 'data')
    const heard: Buffer[] = []
    socket.on('data', (bytes: Buffer) => heard.push(bytes))
    socket.write(masked('{"type":"hello"}'))
    await closed
    // It was greeted, so it was one of those who are told what happens.
    expect(Buffer.concat(heard).toString('latin1')).toContain('"type":"hello"')
    await expect.poll(() => hall.deps.events.clients).toBe(0)
  })

  test('who does not read is cut off and holds nobody up', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const slow = await greeted(hall.url, hall.tokens.kiosk)
    slow.ws.pause()
    const view = hall.deps.hall.counter('1')!
    const services = Array.from({ length: 2_000 }, (_, i) => `service-${i}`)
    for (let i = 0; hall.deps.events.clients > 0 && i < 10_000; i++) {
      hall.deps.events.publish({ type: 'counter', counter: { ...view, services } })
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(hall.deps.events.clients).toBe(0)
    slow.ws.resume()
    expect(await slow.closed).toBe(1006)
  })

  test('closing the server says so to every client and waits for none', async () => {
    const hall = await openHall({ serve: { sockets: { closing_ms: 200 } } })
    const polite = await greeted(hall.url, hall.tokens.kiosk)
    const stuck = await greeted(hall.url, hall.tokens['kiosk-2'])
    stuck.ws.pause()
    const stranger = new KioskClient(hall.url, ['hallway.v1'])
    await stranger.open()
    await hall[Symbol.asyncDispose]()
    expect([await polite.closed, await stranger.closed]).toEqual([1001, 1001])
    stuck.ws.resume()
    await stuck.closed
  })
})

function upgradeText(path: string, protocol: string): string {
  const headers = [
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    // RFC 6455 section 1.3.
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    `Sec-WebSocket-Protocol: ${protocol}`,
  ]
  return `GET ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`
}

/** A text frame of a client, under a mask of zeros. */
function masked(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])
}

/** The status that an upgrade is answered with. */
async function statusOf(url: string, path: string, protocol: string): Promise<number> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(upgradeText(path, protocol))
  const [head] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return Number(/^HTTP\/1\.1 (\d+)/.exec(String(head))![1])
}

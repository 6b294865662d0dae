/** The local API over the gateway's own broker, with a real MQTT client at the other end. */

import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { compactDecrypt, exportJWK, generateKeyPair } from 'jose'
import { connect, connectAsync, type MqttClient } from 'mqtt'
import { describe, expect, test } from 'vitest'
import { Board } from '#devices/contract/board.ts'
import { Card } from '#devices/types/card.ts'
import type { ResidentText } from '#devices/wire/id-card-text.ts'
import {
  type BrokerOptions,
  type LocalBroker,
  openLocalBroker,
} from '../../../gateway/kiosk/broker.ts'
import { realPace } from '../../../gateway/pace.ts'
import { makeCertificate } from '../local-certificate.ts'
import { type Hall, openForBusiness, openHall, type Who } from '../local-fixture.ts'

type Message = Record<string, unknown>

function openBroker(hall: Hall, options: Partial<BrokerOptions> = {}): Promise<LocalBroker> {
  const { deps, server } = hall
  const log = (...event: unknown[]) => hall.logged.push(JSON.stringify(event))
  const parts = { deps, fetch: server.fetch, pace: realPace, log }
  return openLocalBroker(parts, { host: '127.0.0.1', port: 0, ...options })
}

class Kiosk implements AsyncDisposable {
  readonly heard: { topic: string; message: Message; retain: boolean }[] = []
  readonly #name: string
  readonly #client: MqttClient
  #next = 0

  constructor(name: string, client: MqttClient) {
    this.#name = name
    this.#client = client
    client.on('message', (topic, payload, { retain }) => {
      this.heard.push({ topic, message: JSON.parse(String(payload)) as Message, retain })
    })
  }

  get client(): MqttClient {
    return this.#client
  }

  async ask(method: string, path: string, more: object = {}): Promise<Message> {
    const id = `m${++this.#next}`
    this.say({ id, method, path, ...more })
    await expect.poll(() => this.reply(id)).toBeDefined()
    return this.reply(id)!
  }

  say(message: unknown): void {
    const text = typeof message === 'string' ? message : JSON.stringify(message)
    this.#client.publish(`hw1-local/${this.#name}/request`, text, { qos: 1 })
  }

  reply(id: string): Message | undefined {
    return this.heard.find(({ topic, message }) => topic.endsWith('/reply') && message.id === id)
      ?.message
  }

  last(topic: string): Message | undefined {
    return this.heard.findLast((one) => one.topic === topic)?.message
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.endAsync(true)
  }
}

async function enter(broker: LocalBroker, hall: Hall, who: Who, more: object = {}): Promise<Kiosk> {
  const client = await connectAsync(broker.url, {
    username: who,
    password: hall.tokens[who],
    reconnectPeriod: 0,
    ...more,
  })
  const kiosk = new Kiosk(who, client)
  await client.subscribeAsync([`hw1-local/${who}/reply`, 'hw1-hall/#'], { qos: 1 })
  return kiosk
}

describe('over the own broker', () => {
  test('requests are those of HTTP, and a repeat has the first outcome', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    await using broker = await openBroker(hall)
    await using kiosk = await enter(broker, hall, 'kiosk')
    const press = { key: 'p1', body: { service: 'cash' } }
    const first = await kiosk.ask('POST', '/tickets', press)
    expect(first).toMatchObject({ status: 200, body: { number: 'A001', repeat: false } })
    expect(await kiosk.ask('POST', '/tickets', press)).toMatchObject({ body: { repeat: true } })
    const http = await hall.call('kiosk', 'POST', '/tickets', press)
    expect(http.json).toMatchObject({ number: 'A001', repeat: true })
    const forbidden = await kiosk.ask('GET', '/tickets')
    const asked = await hall.call('kiosk', 'GET', '/tickets')
    expect([forbidden.status, forbidden.body]).toEqual([asked.status, asked.json])
    kiosk.say('{')
    await expect.poll(() => kiosk.last('hw1-local/kiosk/reply')?.status).toBe(400)
  })

  test('the board is there for who comes late, a call for who listens', async () => {
    await using hall = await openHall()
    await using broker = await openBroker(hall)
    await using early = await enter(broker, hall, 'kiosk')
    await openForBusiness(hall)
    await hall.call('kiosk', 'POST', '/tickets', { key: 'p', body: { service: 'cash' } })
    await hall.call('clerks', 'POST', '/counters/1/call-next', { key: 'n' })
    await expect.poll(() => early.last('hw1-hall/call')).toMatchObject({ number: 'A001' })
    await using late = await enter(broker, hall, 'kiosk-2')
    await expect.poll(() => late.last('hw1-hall/board')).toBeDefined()
    const held = late.heard.find(({ topic }) => topic === 'hw1-hall/board')!
    expect(held.retain).toBe(true)
    expect(Board.parse(held.message)).toMatchObject({
      open: true,
      day: '2026-01-05',
      counters: [
        { counter: '1', state: 'called', number: 'A001', times: 0 },
        { counter: '2', state: 'paused', number: null, times: 0 },
      ],
      services: [{ service: 'cash', waiting: 0 }],
    })
    expect(late.last('hw1-hall/call')).toBeUndefined()
  })

  test('a hall that opened after the broker, and told nothing yet, is on the board', async () => {
    await using hall = await openHall()
    let open = false
    const view = hall.deps.hall
    const later = { ...view, counters: () => (open ? view.counters() : []) }
    const deps = { ...hall.deps, hall: later, ready: () => open }
    await using broker = await openBroker({ ...hall, deps })
    const early = { username: 'kiosk', password: hall.tokens.kiosk, reconnectPeriod: 0 }
    await expect(connectAsync(broker.url, early)).rejects.toThrow('Server unavailable')
    open = true
    await using kiosk = await enter(broker, hall, 'kiosk')
    await expect.poll(() => kiosk.last('hw1-hall/board')?.counters).toHaveLength(2)
  })

  test('a card comes as a JWE to the key of this connection and never in clear', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    await using broker = await openBroker(hall)
    await using clerk = await enter(broker, hall, 'counter-1')
    const { publicKey, privateKey } = await generateKeyPair('ECDH-ES+A256KW', { crv: 'P-256' })
    const { kty, crv, x, y } = await exportJWK(publicKey)
    const fields = {
      kind: 'resident',
      name: '欧阳测试',
      number: '11010519900307123X',
    } as ResidentText
    const card = new Card(1, { text: fields, warnings: [] })
    hall.deps.cards.put('1', card, { clerk: 'li', ticket: null })
    expect(await clerk.ask('GET', '/counters/1/card')).toMatchObject({ status: 422 })
    clerk.say({ type: 'hello', key: { kty, crv, x, y } })
    const { status, body } = await clerk.ask('GET', '/counters/1/card')
    expect(status).toBe(200)
    const { plaintext } = await compactDecrypt((body as { jwe: string }).jwe, privateKey)
    expect(JSON.parse(new TextDecoder().decode(plaintext))).toEqual({ v: 1, counter: '1', fields })
    const said = JSON.stringify(clerk.heard)
    for (const secret of [fields.name, fields.number]) expect(said).not.toContain(secret)
  })
})

describe('who may do what', () => {
  test('a token opens its own name only', async () => {
    await using hall = await openHall()
    await using broker = await openBroker(hall)
    const enterAs = (username: string, password: string) =>
      connectAsync(broker.url, { username, password, reconnectPeriod: 0 })
    await expect(enterAs('kiosk', 'hw_nobody')).rejects.toThrow('Bad username or password')
    await expect(enterAs('kiosk-2', hall.tokens.kiosk)).rejects.toThrow('Bad username or password')
    // Nobody is told anything who does not even say a name, or wants a will.
    const will = { topic: 'hw1-hall/board', payload: Buffer.from('{}') }
    const own = { username: 'kiosk', password: hall.tokens.kiosk }
    for (const options of [{}, { ...own, will }]) {
      const client = connect(broker.url, { reconnectPeriod: 0, ...options })
      client.on('error', () => {})
      await new Promise<void>((resolve) => client.once('close', () => resolve()))
      expect(client.connected).toBe(false)
    }
    expect(broker.refused).toMatchObject({ credential: 2, connection: 2 })
    const { channels } = (await hall.call('installer', 'GET', '/status')).json
    expect(channels).toMatchObject({ mqtt: { open: 0, credential: 2 }, sockets: { open: 0 } })
    expect(hall.logged.join()).not.toContain(hall.tokens.kiosk)
  })

  test('nobody hears what another is answered, nor says what the gateway says', async () => {
    await using hall = await openHall()
    await using broker = await openBroker(hall)
    await using kiosk = await enter(broker, hall, 'kiosk')
    const filters = ['#', '+/+/reply', 'hw1-local/#', 'hw1-local/kiosk-2/reply', '$SYS/#', 'hw1/#']
    for (const filter of filters) {
      await expect(kiosk.client.subscribeAsync(filter)).rejects.toThrow()
    }
    const topics = ['hw1-hall/board', 'hw1-local/kiosk-2/request', 'hw1-local/kiosk/reply', 'x']
    for (const topic of topics) {
      await using rude = await enter(broker, hall, 'kiosk')
      const gone = closed(rude)
      rude.client.publish(topic, '{"v":1}', { retain: true })
      await gone
    }
    expect((await kiosk.ask('GET', '/day')).status).toBe(200)
    await using next = await enter(broker, hall, 'kiosk')
    await expect.poll(() => next.last('hw1-hall/board')).toMatchObject({ hall_name: {} })
  })

  test('one token has so many connections: the oldest gives way', async () => {
    await using hall = await openHall()
    await using broker = await openBroker(hall, { limits: { connections_of_caller: 2 } })
    await using stack = new AsyncDisposableStack()
    const first = stack.use(await enter(broker, hall, 'kiosk'))
    const gone = closed(first)
    stack.use(await enter(broker, hall, 'kiosk'))
    const third = stack.use(await enter(broker, hall, 'kiosk'))
    await gone
    expect((await third.ask('GET', '/day')).status).toBe(200)
    expect(broker.connected).toBe(2)
  })
})

describe('bounds', () => {
  test('a packet over the limit is cut before it is read, also in small pieces', async () => {
    await using hall = await openHall()
    await using broker = await openBroker(hall)
    for (const announced of [
      [0xff, 0xff, 0xff, 0x7f],
      [0xff, 0xff, 0xff, 0xff, 0x01],
    ]) {
      const socket = await raw(broker)
      for (const byte of [0x30, ...announced]) socket.write(Buffer.from([byte]))
      await untilClosed(socket)
    }
    expect(broker.refused.too_large).toBe(2)
    await using kiosk = await enter(broker, hall, 'kiosk')
    const gone = closed(kiosk)
    kiosk.say('x'.repeat(80_000))
    await gone
  })

  test('a flood is refused, then cut off; another client is served meanwhile', async () => {
    await using hall = await openHall()
    const messages = { burst: 8, a_second: 0.001, refused_in_a_row: 100 }
    await using broker = await openBroker(hall, { messages })
    await using quiet = await enter(broker, hall, 'kiosk-2')
    await using loud = await enter(broker, hall, 'kiosk')
    const gone = closed(loud)
    for (let i = 0; i < 400; i++) loud.say({ id: `${i}`, method: 'GET', path: '/day' })
    expect((await quiet.ask('GET', '/day')).status).toBe(200)
    await gone
    expect(loud.heard.some(({ message }) => message.status === 503)).toBe(true)
  })

  test('who does not read is cut off and holds nobody up', async () => {
    await using hall = await openHall()
    await using broker = await openBroker(hall, { limits: { unread_bytes: 64 * 1024 } })
    await using quick = await enter(broker, hall, 'kiosk-2')
    await using slow = await enter(broker, hall, 'kiosk')
    ;(slow.client.stream as Socket).pause()
    const view = hall.deps.hall.counter('1')!
    const services = Array.from({ length: 2_000 }, (_, i) => `service-${i}`)
    for (let i = 0; broker.refused.slow === 0 && i < 10_000; i++) {
      hall.deps.events.publish({ type: 'counter', counter: { ...view, services } })
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(broker.refused.slow).toBe(1)
    expect((await quick.ask('GET', '/day')).status).toBe(200)
  })

  test('closing ends every client and frees the port', async () => {
    await using hall = await openHall()
    const broker = await openBroker(hall)
    const kiosk = await enter(broker, hall, 'kiosk')
    const stranger = await raw(broker)
    const both = Promise.all([closed(kiosk), untilClosed(stranger)])
    const port = Number(new URL(broker.url).port)
    await broker.close()
    await both
    await using again = await openBroker(hall, { port })
    expect(Number(new URL(again.url).port)).toBe(port)
    await expect(openBroker(hall, { port })).rejects.toMatchObject({ code: 'port_in_use' })
    expect(hall.deps.events.clients).toBe(1)
  })
})

const certificate = makeCertificate()
describe('outside loopback', () => {
  test('it does not start in clear unless told to, and shows no card then', async () => {
    await using hall = await openHall()
    await openForBusiness(hall)
    const open = { host: '0.0.0.0' }
    await expect(openBroker(hall, open)).rejects.toMatchObject({ code: 'insecure' })
    await using broker = await openBroker(hall, { ...open, insecure: true })
    const url = broker.url.replace('0.0.0.0', '127.0.0.1')
    await using clerk = await enter({ ...broker, url } as LocalBroker, hall, 'counter-1')
    const { publicKey } = await generateKeyPair('ECDH-ES+A256KW', { crv: 'X25519' })
    const { kty, crv, x } = await exportJWK(publicKey)
    clerk.say({ type: 'hello', key: { kty, crv, x } })
    const answer = await clerk.ask('GET', '/counters/1/card')
    expect(answer.body).toMatchObject({ code: 'insecure' })
  })

  test.skipIf(certificate === null)('it speaks TLS', async () => {
    const { pem, folder, cert_file, key_file } = certificate!
    await using hall = await openHall()
    const [cert, key] = await Promise.all([readFile(cert_file), readFile(key_file)])
    await using broker = await openBroker(hall, { host: '127.0.0.1', tls: { cert, key } })
    await using kiosk = await enter(broker, hall, 'kiosk', { ca: pem })
    expect((await kiosk.ask('GET', '/day')).status).toBe(200)
    // Who begins no handshake holds a place no longer than who says nothing.
    const limits = { admission_ms: 50 }
    await using strict = await openBroker(hall, { host: '127.0.0.1', tls: { cert, key }, limits })
    for (const first of ['', 'GET / HTTP/1.1\r\n\r\n']) {
      const other = await raw(strict)
      other.write(first)
      await untilClosed(other)
    }
    expect(strict.refused.connection).toBe(2)
    await rm(folder, { recursive: true })
  })
})

function closed({ client }: Kiosk): Promise<void> {
  return new Promise((resolve) => client.once('close', () => resolve()))
}

/** Closed in good order or reset: which of them it is depends on what was still under way. */
function untilClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve()).resume()
  })
}

async function raw(broker: LocalBroker): Promise<Socket> {
  const socket = connectTcp(Number(new URL(broker.url).port), '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

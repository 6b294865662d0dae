/** The broker inside the controller: the suite of the port, and what only it has to answer for. */
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect as connectTcp, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import mqtt from 'mqtt'
import { afterEach, describe, expect, it } from 'vitest'
import { silent } from '#devices/std/log.ts'
import { GuardedConnection } from '../../cloud/broker/connection.ts'
import {
  type EmbeddedBroker,
  type EmbeddedLimits,
  openEmbeddedBroker,
} from '../../cloud/broker/embedded.ts'
import { lengthGuard } from '../../cloud/broker/length-guard.ts'
import { isLoopback } from '../../cloud/broker/loopback.ts'
import type { OnMessage } from '../../cloud/broker/port.ts'
import {
  brokerSuite,
  connectPacket,
  publishPacket,
  remainingLength,
} from '../ports/broker.suite.ts'

const has_openssl = spawnSync('openssl', ['version']).status === 0

async function authenticate(user: string, password: Uint8Array) {
  const known = /^hall-([ab])$/.exec(user)
  if (user === 'hall-broken') throw new Error('the database is away')
  return known && Buffer.from(password).toString() === `secret-${known[1]}` ? { hall: user } : null
}

function open(onMessage: OnMessage, limits: Partial<EmbeddedLimits>, port = 0) {
  return openEmbeddedBroker(
    { authenticate, onMessage, log: silent },
    { host: '127.0.0.1', port, limits },
  )
}

brokerSuite({
  name: 'embedded',
  skip: false,
  halls: ['a', 'b'],
  outlives_controller: false,
  own_client_ids: true,
  async start(limits) {
    let broker: EmbeddedBroker | undefined
    return {
      get port() {
        return broker?.port ?? 0
      },
      async open(onMessage) {
        broker = await open(onMessage, { ...limits, hall_connections: 200 })
        return broker
      },
      async stop() {
        await broker?.close()
      },
    }
  },
})

describe('embedded broker', () => {
  const brokers: EmbeddedBroker[] = []
  afterEach(() => Promise.all(brokers.splice(0).map((broker) => broker.close())))

  async function started(limits: Partial<EmbeddedLimits> = {}, onMessage: OnMessage = () => true) {
    const broker = await open(onMessage, limits)
    brokers.push(broker)
    return broker
  }

  /** Sends the bytes; resolves with what was said until the broker closed the connection. */
  function until_closed(port: number, ...pieces: Buffer[]): Promise<Buffer> {
    const socket = connectTcp(port, '127.0.0.1')
    const said: Buffer[] = []
    socket.on('data', (chunk: Buffer) => said.push(chunk))
    socket.on('error', () => {})
    for (const piece of pieces) socket.write(piece)
    return new Promise((resolve) => socket.on('close', () => resolve(Buffer.concat(said))))
  }

  const login = connectPacket({ id: 'x', user: 'hall-a', password: 'secret-a' })

  it('refuses to listen outside loopback without TLS, and says when a port is taken', async () => {
    const needs = { authenticate, onMessage: () => true, log: silent }
    const outside = openEmbeddedBroker(needs, { host: '0.0.0.0', port: 0 })
    await expect(outside).rejects.toMatchObject({ code: 'insecure' })
    brokers.push(await openEmbeddedBroker(needs, { host: '0.0.0.0', port: 0, insecure: true }))
    const first = await started()
    await expect(open(() => true, {}, first.port)).rejects.toMatchObject({ code: 'port_in_use' })
  })

  it.skipIf(!has_openssl)(
    'speaks TLS, under the same guard (skipped without openssl)',
    async () => {
      const dir = await mkdtemp(join(tmpdir(), 'hallway-tls-'))
      const [key_file, cert_file] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
      const files = ['-keyout', key_file, '-out', cert_file]
      const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
      execFileSync('openssl', ['req', '-x509', ...curve, ...subject, ...files], { stdio: 'ignore' })
      const [key, cert] = await Promise.all([readFile(key_file), readFile(cert_file)])
      await rm(dir, { recursive: true })
      const topics: string[] = []
      const onMessage: OnMessage = ({ topic }) => topics.push(topic) > 0
      const broker = await openEmbeddedBroker(
        { authenticate, onMessage, log: silent },
        { host: '0.0.0.0', port: 0, tls: { key, cert }, limits: { packet_bytes: 1_000 } },
      )
      brokers.push(broker)
      const clear = until_closed(broker.port, login)
      expect(await clear).not.toContain(Buffer.from([0x20, 2, 0, 0]))
      const client = await mqtt.connectAsync(`mqtts://127.0.0.1:${broker.port}`, {
        username: 'hall-a',
        password: 'secret-a',
        ca: cert,
        reconnectPeriod: 0,
      })
      await client.publishAsync('hw1/hall-a/log', 'x', { qos: 1 })
      await expect.poll(() => topics).toEqual(['hw1/hall-a/log'])
      const cut = new Promise<void>((resolve) => client.once('close', () => resolve()))
      client.on('error', () => {})
      void client.publishAsync('hw1/hall-a/log', 'x'.repeat(2_000), { qos: 1 }).catch(() => {})
      await cut
      expect(broker.counters().oversized).toBe(1)
      await client.endAsync(true)
      // Who never ends a handshake does not keep a place.
      const strict = await openEmbeddedBroker(
        { authenticate, onMessage, log: silent },
        { host: '0.0.0.0', port: 0, tls: { key, cert }, limits: { admission_ms: 50 } },
      )
      brokers.push(strict)
      const mute = connectTcp(strict.port, '127.0.0.1').on('error', () => {})
      await new Promise((resolve) => mute.resume().once('close', resolve))
      expect(strict.counters().broken).toBe(1)
    },
  )

  it('counts each kind of refusal apart', async () => {
    const broker = await started({ packet_bytes: 1_000 })
    const { port } = broker
    await until_closed(port, connectPacket({ id: 'x', user: 'hall-a', password: 'no' }))
    await until_closed(port, login, publishPacket('hw1/hall-b/log', Buffer.from('x'), 1))
    await until_closed(
      port,
      login,
      Buffer.from([0x34, 20, 0, 14]),
      Buffer.from('hw1/hall-a/log\0\x01xx'),
    )
    await until_closed(port, login, Buffer.from([0x32, ...remainingLength(200_000)]))
    await until_closed(port, Buffer.from('GET / HTTP/1.1\r\n\r\n'))
    await until_closed(port, connectPacket({ id: 'x', user: 'hall-broken', password: 'x' }))
    expect(broker.counters()).toMatchObject({
      refused_credential: 1,
      refused_topic: 2,
      oversized: 1,
      refused_connection: 1,
      taken: 0,
    })
    expect(broker.counters().broken).toBeGreaterThan(0)
  })

  it('lets a hall listen to names only, and to few of them', async () => {
    const broker = await started({ subscriptions: 4 })
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`, {
      username: 'hall-a',
      password: 'secret-a',
    })
    const granted = async (name: string) => {
      const [answer] = await client.subscribeAsync(`hw1/hall-a/${name}`, { qos: 1 }).catch(() => [])
      return answer?.qos
    }
    for (const name of ['#', '+', 'receipt/#', 'log']) expect(await granted(name)).toBeUndefined()
    for (const name of ['receipt', 'desired', 'command', 'new']) expect(await granted(name)).toBe(1)
    expect(await granted('newer')).toBeUndefined()
    await client.endAsync(true)
  })

  it('tells a hall whether its credential is wrong or cannot be checked now', async () => {
    const { port } = await started()
    const wrong = await until_closed(
      port,
      connectPacket({ id: 'x', user: 'hall-a', password: 'no' }),
    )
    const later = await until_closed(
      port,
      connectPacket({ id: 'x', user: 'hall-broken', password: 'x' }),
    )
    expect([wrong[3], later[3]]).toEqual([4, 3])
  })

  it('lets go of those who connect and say nothing, and of more than it can hold', async () => {
    const broker = await started({ admission_ms: 500, connections: 2 })
    const silent_ones = [until_closed(broker.port), until_closed(broker.port, login.subarray(0, 5))]
    await expect.poll(() => until_closed(broker.port, login)).toHaveLength(0)
    await Promise.all(silent_ones)
    expect(broker.counters().refused_connection).toBeGreaterThanOrEqual(3)
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`, {
      username: 'hall-a',
      password: 'secret-a',
    })
    await client.endAsync(true)
  })

  it('keeps few connections of one hall, the newest, so that others find room', async () => {
    const broker = await started({ hall_connections: 3, connections: 6 })
    const url = `mqtt://127.0.0.1:${broker.port}`
    const enter = (name: string) =>
      mqtt.connectAsync(url, {
        ...{ username: `hall-${name}`, password: `secret-${name}`, reconnectPeriod: 0 },
      })
    const all: mqtt.MqttClient[] = []
    for (let i = 0; i < 10; i++) all.push(await enter('a'))
    const inside = () => all.map((client) => client.connected)
    await expect.poll(inside).toEqual(all.map((_, i) => i >= 7))
    expect(broker.counters().connected).toBe(3)
    const other = await enter('b')
    await other.publishAsync('hw1/hall-b/log', 'x', { qos: 1 })
    await Promise.all([other, ...all].map((client) => client.endAsync(true)))
  })

  it('slows a hall that floods down to its rate, and nobody else', async () => {
    const heard: string[] = []
    const onMessage: OnMessage = ({ topic }) => heard.push(topic) > 0
    const hall_rate = { burst: 20, messages_a_second: 10 }
    const broker = await started({ hall_rate }, onMessage)
    const login_b = connectPacket({ id: 'y', user: 'hall-b', password: 'secret-b' })
    const flood = connectTcp(broker.port, '127.0.0.1')
    const quiet = connectTcp(broker.port, '127.0.0.1')
    for (const socket of [flood, quiet]) socket.on('error', () => {})
    const empty = publishPacket('hw1/hall-a/log', Buffer.alloc(0), 1)
    flood.write(login)
    await new Promise((resolve) => flood.once('data', resolve))
    flood.write(Buffer.concat(Array.from({ length: 5_000 }, () => empty)))
    await expect.poll(() => heard.length).toBeGreaterThanOrEqual(20)
    quiet.write(Buffer.concat([login_b, publishPacket('hw1/hall-b/log', Buffer.from('x'), 1)]))
    await expect.poll(() => heard.includes('hw1/hall-b/log')).toBe(true)
    expect(heard.length).toBeLessThan(1_000)
    flood.destroy()
    quiet.destroy()
  })

  it('ends the connections of a hall that is expelled, and no other’s', async () => {
    const broker = await started()
    const enter = (name: string) =>
      mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`, {
        ...{ username: `hall-${name}`, password: `secret-${name}`, reconnectPeriod: 0 },
      })
    const [old, older, other] = [await enter('a'), await enter('a'), await enter('b')]
    broker.expel('hall-a')
    await expect.poll(() => [old.connected, older.connected]).toEqual([false, false])
    await other.publishAsync('hw1/hall-b/log', 'x', { qos: 1 })
    expect(broker.counters().connected).toBe(1)
    const again = await enter('a')
    await Promise.all([other, again].map((client) => client.endAsync(true)))
  })

  it('cuts off a hall that does not read, and the others do not wait for it', async () => {
    const broker = await started({ unread_bytes: 256 * 1024 })
    const deaf = connectTcp(broker.port, '127.0.0.1')
    deaf.on('error', () => {})
    const filter = Buffer.from('hw1/hall-a/command')
    const subscribe = Buffer.from([0x82, filter.length + 5, 0, 1, 0, filter.length, ...filter, 1])
    deaf.write(Buffer.concat([login, subscribe]))
    await new Promise((resolve) => deaf.once('data', resolve))
    deaf.pause()
    const reader = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`, {
      username: 'hall-b',
      password: 'secret-b',
    })
    let got = 0
    reader.on('message', () => {
      got += 1
    })
    await reader.subscribeAsync('hw1/hall-b/command', { qos: 1 })
    for (let n = 0; n < 200; n++) {
      await broker.publish('hw1/hall-a/command', Buffer.alloc(64 * 1024), {})
      await broker.publish('hw1/hall-b/command', 'x', {})
    }
    await expect.poll(() => got).toBe(200)
    await expect.poll(() => broker.counters().cut_slow).toBe(1)
    await reader.endAsync(true)
    deaf.destroy()
  })

  it('keeps nothing that a hall retains, and no session of one that left', async () => {
    const broker = await started()
    const url = `mqtt://127.0.0.1:${broker.port}`
    const options = { username: 'hall-a', password: 'secret-a', clientId: 'g', clean: false }
    const first = await mqtt.connectAsync(url, options)
    await first.subscribeAsync('hw1/hall-a/odd', { qos: 1 })
    await first.publishAsync('hw1/hall-a/odd', 'kept?', { qos: 1, retain: true })
    await first.endAsync()
    await broker.publish('hw1/hall-a/command', 'missed', {})
    const second = mqtt.connect(url, options)
    const got: string[] = []
    second.on('message', (_, payload) => got.push(payload.toString()))
    const session = await new Promise((r) => second.once('connect', (ack) => r(ack.sessionPresent)))
    await second.subscribeAsync(['hw1/hall-a/odd', 'hw1/hall-a/command'], { qos: 1 })
    await broker.publish('hw1/hall-a/command', 'heard', {})
    await expect.poll(() => got).toEqual(['heard'])
    expect(session).toBe(false)
    await second.endAsync(true)
  })
})

it('a guarded connection gives all that has come in one reading', async () => {
  const arrived: GuardedConnection[] = []
  const limits = { first_bytes: 100, packet_bytes: 100, unread_bytes: 100 }
  const server = createServer((socket) => {
    arrived.push(new GuardedConnection(socket, limits, () => {}))
    arrived[0]?.on('readable', () => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const client = connectTcp(typeof address === 'object' && address ? address.port : 0, '127.0.0.1')
  for (let n = 1; n <= 3; n++) {
    client.write(Buffer.from([0xc0, 0]))
    await expect.poll(() => arrived[0]?.readableLength).toBe(2 * n)
  }
  expect(arrived[0]?.read()).toHaveLength(6)
  client.destroy()
  arrived[0]?.destroy()
  server.close()
})

describe('length guard', () => {
  const packet = fc.tuple(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 0, max: 400 }))

  it('passes every stream of permitted packets however it is split', () => {
    fc.assert(
      fc.property(fc.array(packet), fc.array(fc.nat(5_000)), (packets, cuts) => {
        const guard = lengthGuard(400)
        for (const piece of split(streamOf(packets), cuts))
          expect(guard.look(piece).kind).toBe('pass')
      }),
    )
  })

  it('finds the first packet over the limit however the stream is split', () => {
    fc.assert(
      fc.property(
        fc.array(packet),
        fc.integer({ min: 401, max: 268_435_455 }),
        fc.array(fc.nat(5_000)),
        (packets, length, cuts) => {
          const stream = Buffer.concat([
            streamOf(packets),
            Buffer.from([0x32, ...remainingLength(length)]),
          ])
          const guard = lengthGuard(400)
          const verdicts = split(stream, cuts).map((piece) => guard.look(piece).kind)
          expect(verdicts.at(-1) === 'oversized' || verdicts.includes('oversized')).toBe(true)
          expect(verdicts.indexOf('oversized')).toBe(verdicts.findIndex((kind) => kind !== 'pass'))
        },
      ),
    )
  })

  it('refuses a length that never ends', () => {
    expect(lengthGuard(400).look(new Uint8Array([0x30, 0x80, 0x80, 0x80, 0x80])).kind).toBe(
      'malformed',
    )
  })

  function streamOf(packets: [number, number][]): Buffer {
    const parts = packets.map(([type, length]) =>
      Buffer.from([type << 4, ...remainingLength(length), ...Buffer.alloc(length, 0xff)]),
    )
    return Buffer.concat(parts)
  }

  function split(stream: Buffer, cuts: number[]): Buffer[] {
    const at = [
      0,
      ...cuts.map((cut) => Math.min(cut, stream.length)).sort((a, b) => a - b),
      stream.length,
    ]
    return at.slice(1).map((to, n) => stream.subarray(at[n], to))
  }
})

it.each([
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['::1', true],
  ['[::1]', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['127.0.0.1.example.org', false],
  ['192.168.1.4', false],
])('loopback: %s is %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})

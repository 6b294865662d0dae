/**
 * What the controller may rely on with any broker: the same cases against the broker inside it and
 * against a real one outside. Halls are played by a real MQTT client and by hand-made bytes.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Broker, BrokerMessage, OnMessage } from '../../cloud/broker/port.ts'

/** A broker as a hall finds it, and the controller's side of it. */
export type BrokerUnderTest = {
  port: number
  /** The controller's end; `open` again after `close` to play a controller that starts. */
  open(onMessage: OnMessage): Promise<Broker>
  stop(): Promise<void>
}

export type BrokerSuite = {
  name: string
  skip: string | false
  /** Has hall-a and hall-b, passwords secret-a and secret-b; packets up to `packet_bytes`. */
  start(limits: { packet_bytes: number }): Promise<BrokerUnderTest>
  /** Whether what halls retained is there for a controller that starts later. */
  outlives_controller: boolean
  /** Whether a hall cannot take over another's client id by using the same one. */
  own_client_ids: boolean
  /** The last part of the halls' names. */
  halls: readonly string[]
}

const packet_bytes = 64 * 1024

export function brokerSuite(suite: BrokerSuite): void {
  describe.skipIf(suite.skip !== false)(`broker: ${suite.name} ${suite.skip || ''}`, () => {
    let under_test: BrokerUnderTest
    let broker: Broker
    let heard: (BrokerMessage & { client?: string })[]
    let take: OnMessage
    const clients: MqttClient[] = []
    const sockets: Socket[] = []

    beforeEach(async () => {
      heard = []
      take = (message) => heard.push(message) > 0
      under_test = await suite.start({ packet_bytes })
      broker = await under_test.open((message) => take(message))
    })
    afterEach(async () => {
      for (const socket of sockets.splice(0)) socket.destroy()
      await Promise.all(clients.splice(0).map((client) => client.endAsync(true)))
      await broker.close()
      await under_test.stop()
    })

    async function hall(name: string, options: IClientOptions = {}): Promise<MqttClient> {
      const client = mqtt.connect(`mqtt://127.0.0.1:${under_test.port}`, {
        username: `hall-${name}`,
        password: `secret-${name}`,
        clientId: `gateway-${name}-${Math.random().toString(16).slice(2)}`,
        reconnectPeriod: 0,
        ...options,
      })
      clients.push(client)
      client.on('error', () => {})
      await new Promise<void>((resolve, reject) => {
        client.once('connect', () => resolve())
        client.once('error', reject)
        client.once('close', () => reject(new Error('closed')))
      })
      return client
    }

    /** A hall that speaks byte for byte; resolves with everything the broker ever said to it. */
    function raw(): { socket: Socket; gone: Promise<Buffer> } {
      const socket = connectTcp(under_test.port, '127.0.0.1')
      sockets.push(socket)
      const said: Buffer[] = []
      socket.on('data', (chunk: Buffer) => said.push(chunk))
      socket.on('error', () => {})
      return { socket, gone: new Promise((r) => socket.on('close', () => r(Buffer.concat(said)))) }
    }

    const texts = (topic: string) =>
      heard.filter((m) => m.topic === topic).map((m) => Buffer.from(m.payload).toString())

    it('brings every message of a hall to the handler, in order, with its bytes', async () => {
      const a = await hall('a')
      const bytes = Buffer.from([0, 255, 31, 139, 10, 0])
      for (let n = 0; n < 50; n++) await a.publishAsync('hw1/hall-a/log', `${n}`, { qos: 1 })
      await a.publishAsync('hw1/hall-a/reply', bytes, { qos: 1 })
      await expect.poll(() => heard.length).toBe(51)
      expect(texts('hw1/hall-a/log')).toEqual(Array.from({ length: 50 }, (_, n) => `${n}`))
      expect(Buffer.from(heard.at(-1)?.payload ?? []).equals(bytes)).toBe(true)
      expect(broker.counters().taken).toBe(51)
    })

    it('brings what is said to a hall to that hall only, retained if asked', async () => {
      const [a, b] = [await hall('a'), await hall('b')]
      const got: string[] = []
      for (const [client, name] of [
        [a, 'a'],
        [b, 'b'],
      ] as const) {
        client.on('message', (topic, payload) => got.push(`${name} ${topic} ${payload}`))
        await client.subscribeAsync([`hw1/hall-${name}/receipt`, `hw1/hall-${name}/desired`], {
          qos: 1,
        })
      }
      await broker.publish('hw1/hall-a/receipt', 'first', {})
      await broker.publish('hw1/hall-b/desired', new Uint8Array([55]), { retain: true })
      await expect.poll(() => got.length).toBe(2)
      expect(got.sort()).toEqual(['a hw1/hall-a/receipt first', 'b hw1/hall-b/desired 7'])
      const later = await hall('b')
      later.on('message', (topic, payload, { retain }) =>
        got.push(`late ${topic} ${payload} ${retain}`),
      )
      await later.subscribeAsync(['hw1/hall-b/desired', 'hw1/hall-b/receipt'], { qos: 1 })
      await expect.poll(() => got[2]).toBe('late hw1/hall-b/desired 7 true')
      await broker.publish('hw1/hall-b/desired', '', { retain: true })
      const last = await hall('b')
      last.on('message', (topic, payload) => got.push(`last ${topic} ${payload}`))
      await last.subscribeAsync('hw1/hall-b/desired', { qos: 1 })
      await broker.publish('hw1/hall-b/desired', 'live', {})
      await expect.poll(() => got.some((one) => one.startsWith('last'))).toBe(true)
      expect(got.filter((one) => one.startsWith('last'))).toEqual(['last hw1/hall-b/desired live'])
    })

    it('turns away a wrong password, an unknown user and nobody', async () => {
      await expect(hall('a', { password: 'secret-b' })).rejects.toMatchObject({
        code: expect.toBeOneOf([4, 5]),
      })
      await expect(hall('z')).rejects.toMatchObject({ code: expect.toBeOneOf([4, 5]) })
      const nameless = raw()
      nameless.socket.write(connectPacket({ id: 'x' }))
      const said = await nameless.gone
      expect(said.length === 0 || said[3] !== 0).toBe(true)
      await (await hall('a')).publishAsync('hw1/hall-a/log', 'fine', { qos: 1 })
      await expect.poll(() => heard.length).toBe(1)
    })

    it('lets no hall speak for another, nor in the controller’s voice', async () => {
      const b = await hall('b')
      const got: string[] = []
      b.on('message', (topic) => got.push(topic))
      await b.subscribeAsync('hw1/hall-b/receipt', { qos: 1 })
      for (const topic of ['hw1/hall-b/log', 'hw1/hall-b/receipt', 'hw1/hall-a/receipt', 'x']) {
        const a = await hall('a')
        // 3.1.1 leaves two ways: acknowledge and discard, or close. Either, if it stays out.
        const outcome = a.publishAsync(topic, 'forged', { qos: 1 }).catch(() => {})
        await Promise.race([
          outcome,
          new Promise<void>((resolve) => a.once('close', () => resolve())),
        ])
      }
      await (await hall('b')).publishAsync('hw1/hall-b/log', 'mine', { qos: 1 })
      await expect.poll(() => heard.length).toBe(1)
      expect(texts('hw1/hall-b/log')).toEqual(['mine'])
      expect(got).toEqual([])
    })

    it('lets no hall listen to another; what it may hear it still hears', async () => {
      const a = await hall('a')
      const got: string[] = []
      a.on('message', (topic) => got.push(topic))
      for (const filter of ['hw1/hall-b/receipt', 'hw1/+/receipt', '#', 'hw1/#', '$SYS/#']) {
        await a.subscribeAsync(filter, { qos: 1 }).catch(() => {})
      }
      await a.subscribeAsync('hw1/hall-a/receipt', { qos: 1 })
      await broker.publish('hw1/hall-b/receipt', 'private', {})
      await broker.publish('hw1/hall-a/receipt', 'mine', {})
      await expect.poll(() => got.includes('hw1/hall-a/receipt')).toBe(true)
      expect(got.filter((topic) => topic !== 'hw1/hall-a/receipt')).toEqual([])
    })

    it('publishes the will of a hall that vanishes, and no will on a foreign topic', async () => {
      const foreign = raw()
      const forged = { topic: 'hw1/hall-b/presence', payload: 'forged death' }
      foreign.socket.write(
        connectPacket({ id: 'w1', user: 'hall-a', password: 'secret-a', will: forged }),
      )
      await Promise.race([new Promise((r) => foreign.socket.once('data', r)), foreign.gone])
      foreign.socket.resetAndDestroy()
      const own = raw()
      const will = { topic: 'hw1/hall-a/presence', payload: 'death' }
      own.socket.write(connectPacket({ id: 'w2', user: 'hall-a', password: 'secret-a', will }))
      await new Promise((resolve) => own.socket.once('data', resolve))
      own.socket.resetAndDestroy()
      await expect.poll(() => texts('hw1/hall-a/presence')).toEqual(['death'])
      expect(texts('hw1/hall-b/presence')).toEqual([])
    })

    it('cuts the connection that announces too large a packet, whatever else goes on', async () => {
      const good = await hall('b')
      const { socket, gone } = raw()
      socket.write(connectPacket({ id: 'big', user: 'hall-a', password: 'secret-a' }))
      await new Promise((resolve) => socket.once('data', resolve))
      // 200 MiB announced, of which the broker must not wait for more than a little.
      socket.write(Buffer.from([0x32, ...remainingLength(200 * 1024 * 1024)]))
      const feed = setInterval(() => socket.write(Buffer.alloc(16 * 1024)), 1)
      await gone
      clearInterval(feed)
      await good.publishAsync('hw1/hall-b/log', 'fine', { qos: 1 })
      await expect.poll(() => texts('hw1/hall-b/log')).toEqual(['fine'])
      expect(heard.length).toBe(1)
    })

    it('takes a packet of the full size in pieces, and several packets in one piece', async () => {
      const large = Buffer.alloc(packet_bytes - 100, 'x')
      const stream = Buffer.concat([
        connectPacket({ id: 'pieces', user: 'hall-a', password: 'secret-a' }),
        publishPacket('hw1/hall-a/log', large, 1),
        publishPacket('hw1/hall-a/log', Buffer.from('second'), 2),
        publishPacket('hw1/hall-a/telemetry', Buffer.from('third'), 3),
      ])
      const { socket } = raw()
      socket.setNoDelay(true)
      const cuts = [1, 2, 3, 9, 60, 70, 71, 72, 73, 80, 5_000, 50_000, stream.length]
      let from = 0
      for (const to of cuts) {
        await new Promise<void>((resolve) =>
          socket.write(stream.subarray(from, to), () => resolve()),
        )
        await new Promise((resolve) => setTimeout(resolve, 5))
        from = to
      }
      await expect.poll(() => heard.length).toBe(3)
      expect(heard[0]?.payload.length).toBe(large.length)
      expect(texts('hw1/hall-a/log')[1]).toBe('second')
      expect(texts('hw1/hall-a/telemetry')).toEqual(['third'])
    })

    it('goes on with other halls when the handler has no room for one', async () => {
      take = (message) => {
        if (message.topic.startsWith('hw1/hall-a/')) return false
        return heard.push(message) > 0
      }
      const [a, b] = [await hall('a'), await hall('b')]
      await Promise.all(
        Array.from({ length: 200 }, async (_, n) => {
          await a.publishAsync('hw1/hall-a/log', `${n}`, { qos: 1 })
          await b.publishAsync('hw1/hall-b/log', `${n}`, { qos: 1 })
        }),
      )
      await expect.poll(() => heard.length).toBe(200)
      await expect.poll(() => broker.counters().dropped_full).toBe(200)
    })

    it('delivers all that is acknowledged while the controller is busy', async () => {
      take = (message) => {
        const until = performance.now() + 1
        while (performance.now() < until);
        return heard.push(message) > 0
      }
      const [a, b] = [await hall('a'), await hall('b')]
      const sent = Array.from({ length: 100 }, (_, n) =>
        (n % 2 ? a : b).publishAsync(`hw1/hall-${n % 2 ? 'a' : 'b'}/log`, `${n}`, { qos: 1 }),
      )
      await Promise.all(sent)
      await expect.poll(() => heard.length).toBe(100)
      expect(new Set(heard.map((m) => Buffer.from(m.payload).toString())).size).toBe(100)
    })

    it('lets 100 clients in at once, and hears and answers each', async () => {
      const names = Array.from(
        { length: 100 },
        (_, n) => suite.halls[n % suite.halls.length] ?? 'a',
      )
      const all = await Promise.all(names.map((name) => hall(name)))
      const answers = new Set<number>()
      await Promise.all(
        all.map(async (client, n) => {
          client.on('message', () => answers.add(n))
          await client.subscribeAsync(`hw1/hall-${names[n]}/command`, { qos: 1 })
          await client.publishAsync(`hw1/hall-${names[n]}/log`, `${n}`, { qos: 1 })
        }),
      )
      await expect.poll(() => heard.length).toBe(100)
      for (const name of suite.halls) await broker.publish(`hw1/hall-${name}/command`, '{}', {})
      await expect.poll(() => answers.size).toBe(100)
    })

    it('hands the hall over to a client that comes again under the same id', async () => {
      const first = await hall('a', { clientId: 'gateway' })
      const other = await hall('b', { clientId: suite.own_client_ids ? 'gateway' : 'other' })
      const gone = new Promise<void>((resolve) => first.once('close', () => resolve()))
      const second = await hall('a', { clientId: 'gateway' })
      await gone
      await second.publishAsync('hw1/hall-a/log', 'second', { qos: 1 })
      await other.publishAsync('hw1/hall-b/log', 'other', { qos: 1 })
      await expect.poll(() => heard.length).toBe(2)
      expect(other.connected).toBe(true)
    })

    it('keeps a name it does not know below its own prefix from doing harm', async () => {
      const a = await hall('a')
      await a.publishAsync('hw1/hall-a/news-of-a-later-version', 'x', { qos: 1, retain: true })
      await a.publishAsync('hw1/hall-a/log', 'known', { qos: 1 })
      await expect.poll(() => heard.length).toBe(1)
      expect(a.connected).toBe(true)
    })

    it('hears presence that was said before the controller started', async (context) => {
      if (!suite.outlives_controller) return context.skip('the broker starts with the controller')
      await broker.close()
      const a = await hall('a')
      await a.publishAsync('hw1/hall-a/presence', 'birth', { qos: 1, retain: true })
      broker = await under_test.open((message) => take(message))
      await expect.poll(() => texts('hw1/hall-a/presence')).toEqual(['birth'])
    })

    it('is silent once closed', async () => {
      const a = await hall('a', {
        will: {
          topic: 'hw1/hall-a/presence',
          payload: Buffer.from('death'),
          qos: 1,
          retain: false,
        },
      })
      const before = heard.length
      await broker.close()
      // Where the broker went with the controller this is never acknowledged.
      void a.publishAsync('hw1/hall-a/log', 'late', { qos: 1 }).catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, 100))
      await expect(broker.publish('hw1/hall-a/receipt', '', {})).rejects.toMatchObject({
        code: 'unavailable',
      })
      expect(heard.length).toBe(before)
    })
  })
}

type Connecting = {
  id: string
  user?: string
  password?: string
  will?: { topic: string; payload: string }
}

/** CONNECT of MQTT 3.1.1 (3.1), clean session, keep-alive 60 s. */
export function connectPacket({ id, user, password, will }: Connecting): Buffer {
  const flags = 2 | (will ? 4 | 8 : 0) | (user ? 0x80 : 0) | (password ? 0x40 : 0)
  const body = Buffer.concat([
    text('MQTT'),
    Buffer.from([4, flags, 0, 60]),
    text(id),
    ...(will ? [text(will.topic), text(will.payload)] : []),
    ...(user ? [text(user)] : []),
    ...(password ? [text(password)] : []),
  ])
  return Buffer.concat([Buffer.from([0x10, ...remainingLength(body.length)]), body])
}

/** PUBLISH of MQTT 3.1.1 (3.3), QoS 1. */
export function publishPacket(topic: string, payload: Buffer, id: number): Buffer {
  const body = Buffer.concat([text(topic), Buffer.from([id >> 8, id & 255]), payload])
  return Buffer.concat([Buffer.from([0x32, ...remainingLength(body.length)]), body])
}

/** 7 bits a byte, low ones first, the high bit says that more follow (2.2.3). */
export function remainingLength(length: number): number[] {
  return length < 128 ? [length] : [(length % 128) | 128, ...remainingLength(length >> 7)]
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
}

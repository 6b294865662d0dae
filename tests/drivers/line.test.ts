/** The simulated cable's time: what bytes take at a baud rate, read off a clock that only timers move. */
import net from 'node:net'
import { expect, it } from 'vitest'
import type { Pace } from '#devices/std/clock.ts'
import { type LineOptions, lineTime_ms, openLine } from '../../firmware-sim/line.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { seeded, until } from './helpers.ts'

/** Time that jumps to the next timer as soon as nothing else is to be done. */
function jumpingPace(): Pace {
  let now_ms = 1000
  return {
    now_ms: () => now_ms,
    after(ms, _what, run) {
      const at_ms = now_ms + ms
      const timer = setImmediate(() => {
        now_ms = Math.max(now_ms, at_ms)
        run()
      })
      return () => clearImmediate(timer)
    },
  }
}

type Arrival = { at_ms: number; bytes: number }

async function sends(reply: Uint8Array, options: LineOptions) {
  const pace = jumpingPace()
  const model: DeviceModel = {
    attach(send) {
      answer = send
    },
    detach: () => {},
    receive: () => {},
  }
  let answer: (bytes: Uint8Array) => void = () => {}
  const taps: string[] = []
  const tap: NonNullable<LineOptions['tap']> = (to, edge, piece) =>
    taps.push(`${to} ${edge} ${piece.length} ${Math.round(pace.now_ms() - 1000)}`)
  await using line = await openLine(model, { pace, random: seeded(1) }, { tap, ...options })
  const socket = net.connect({ port: line.port, host: '127.0.0.1' })
  const arrivals: Arrival[] = []
  let got = 0
  socket.on('data', (bytes) => {
    got += bytes.length
    arrivals.push({ at_ms: pace.now_ms() - 1000, bytes: got })
  })
  await until(() => line.counts.links === 1)
  answer(reply)
  await until(() => got === reply.length)
  socket.destroy()
  return { arrivals, taps, took_ms: pace.now_ms() - 1000 }
}

it('takes 112.6 ms for 1297 bytes at 115200 baud, and 11 bits a byte with parity', async () => {
  const reply = new Uint8Array(1297).fill(7)
  const plain = await sends(reply, { baud: 115_200 })
  expect(lineTime_ms(1297, 115_200)).toBeCloseTo(112.587, 3)
  expect(plain.took_ms).toBeCloseTo(112.587, 0)
  const parity = await sends(reply, { baud: 115_200, bits_per_byte: 11 })
  expect(parity.took_ms).toBeCloseTo(123.845, 0)
  expect(plain.taps).toEqual(['host first 1297 0', 'host last 1297 113'])
})

it('hands over no byte before its last bit, and not all at the end', async () => {
  const { arrivals } = await sends(new Uint8Array(1297), { baud: 9600 })
  expect(arrivals.length).toBeGreaterThan(100)
  for (const { at_ms, bytes } of arrivals) {
    expect(at_ms).toBeGreaterThanOrEqual(lineTime_ms(bytes, 9600) - 0.1)
  }
})

it('does not pace without a baud rate', async () => {
  expect((await sends(new Uint8Array(5000), {})).took_ms).toBe(0)
})

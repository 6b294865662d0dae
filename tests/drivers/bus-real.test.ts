/** Sixteen units on one real line: TCP, and a pseudo-terminal where socat is there. */
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { silent } from '#devices/std/log.ts'
import { BusModel } from '../../firmware-sim/models/bus.ts'
import { createCallPadModel } from '../../firmware-sim/models/call-pad.ts'
import { openPseudoTerminal } from '../../firmware-sim/pseudo-terminal.ts'
import { Bus } from '../../gateway/drivers/bus.ts'
import { createCallPad, type Press } from '../../gateway/drivers/unit-driver.ts'
import { transportFor } from '../../gateway/transports/open.ts'
import type { Transport } from '../../gateway/transports/transport.ts'
import { lineFor, pace, partsFor, quick, seeded, until } from './helpers.ts'

const models = () =>
  Array.from({ length: 16 }, (_, i) =>
    createCallPadModel(seeded(i + 1), { serial: `PAD-${i + 1}`, address: i + 1 }),
  )

/** Presses on every unit, twice, each followed by its number on the unit's own display. */
async function serves(units: ReturnType<typeof models>, transport: Transport): Promise<void> {
  await using bus = new Bus(transport, { pace, log: silent })
  const book: Press[] = []
  await using open = new AsyncDisposableStack()
  const pads = units.map((_, i) => {
    const device = `pad${i + 1}`
    const parts = { ...partsFor(0, i), transport: bus.line(device) }
    const onPress = async (press: Press) => {
      book.push(press)
      return 'recorded' as const
    }
    const options = { unit: i + 1, poll_ms: 5, reply_ms: 100, session: quick }
    return open.use(createCallPad(device, parts, { handlers: { onPress }, options }))
  })
  for (const pad of pads) pad.start()
  await until(() => pads.every((pad) => pad.view().state === 'online'))
  for (let round = 0; round < 2; round++) {
    const answers = await Promise.all(units.map((unit) => unit.press('next')))
    expect(answers.map(({ outcome }) => outcome)).toEqual(Array(16).fill('recorded'))
    for (const [i, pad] of pads.entries()) pad.show(`R${round}${i}`)
    await until(() =>
      units.every(
        ({ displayed }, i) => 'number' in displayed && displayed.number === `R${round}${i}`,
      ),
    )
  }
  expect(new Set(book.map(({ device, event }) => `${device}/${event}`)).size).toBe(32)
  expect(book).toHaveLength(32)
  expect(bus.view().counters.jams).toBe(0)
}

describe('sixteen units on a real line', () => {
  it('over TCP', async () => {
    const units = models()
    await using line = await lineFor(new BusModel(units))
    await serves(units, partsFor(line.port).transport)
  })

  it('over TCP, with pieces cut, delayed and damaged', async () => {
    const units = models()
    const faults = { split: 0.2, corrupt: 0.02, delay: 0.1, delay_ms: 3 }
    await using line = await lineFor(new BusModel(units), { faults }, 5)
    await serves(units, partsFor(line.port).transport)
  })

  const socat = spawnSync('socat', ['-V']).status === 0
  if (!socat) console.warn('socat is not installed: the pseudo-terminal is not tried')
  it.skipIf(!socat)('over a serial port', async () => {
    const units = models()
    await using line = await lineFor(new BusModel(units))
    await using terminal = await openPseudoTerminal(`tcp:127.0.0.1:${line.port}`)
    const parts = { pace, log: silent, line: { baud: 19_200 } }
    await serves(units, transportFor(`serial:${terminal.path}`, parts))
  })
})

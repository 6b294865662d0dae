/** Every class of devices: recorded in use, then played back to a driver that never met the device. */
import { describe, expect, it } from 'vitest'
import { deviceTypes } from '#devices/types/index.ts'
import type { PrintJob } from '#devices/types/ticket-template.ts'
import { playBack, type Recorder, record, type Used } from './support.ts'

const job: PrintJob = {
  hall: { zh: '厅', en: 'Hall' },
  service: { zh: '现金', en: 'Cash' },
  number: 'A012',
  people_ahead: 3,
  wait_min: null,
  counters: ['1'],
  time: '2026-03-02 09:00',
  rules: null,
  lines: null,
  reprint: false,
  qr: '',
}

/** What is done at each, the same way with a recording in its place. */
const uses: Readonly<Record<string, Recorder>> = {
  id_card_reader: {
    async use({ inputs, until }, hands) {
      hands.lay_card?.('7')
      await until('a card', () => inputs.length === 1)
      hands.take_card?.('')
      hands.lay_card?.('8')
      await until('another', () => inputs.length === 2)
    },
  },
  call_pad: { use: pressed('next') },
  ticket_panel: { use: pressed('1') },
  ff68_pad: { use: pressed('next'), options: { address: 1 } },
  rating_pad: { use: rated },
  ff68_rater: { use: rated },
  counter_display: { use: ({ until, placed }) => until('polls', polled(placed, 14)) },
  hall_display: { use: ({ until, placed }) => until('polls', polled(placed, 14)) },
  ticket_printer: {
    async use({ placed, inputs }) {
      inputs.push({ delivery: await placed.print!(job) })
    },
  },
  pin_pad: {
    async use({ placed, inputs }, hands) {
      const asked = placed.pin!.promptPin({
        ...{ account: '6222020200112230', digits: 6, content_hash: 'ab'.repeat(32) },
        seal: async () => 'sealed',
      })
      inputs.push(await typed(() => hands.type_pin?.('918273'), asked))
    },
  },
  service_password_pad: {
    options: { clear_digits: 'accepted' },
    async use({ placed, inputs }, hands) {
      const asked = placed.pin!.promptPin({
        ...{ account: '1', digits: 6, content_hash: 'cd'.repeat(32) },
        seal: async ({ kind }) => `sealed ${kind}`,
      })
      inputs.push(await typed(() => hands.type_password?.('918273'), asked))
    },
  },
  xfs4iot: {
    options: { tickets: true },
    async use({ placed, inputs, until }, hands) {
      inputs.push({ delivery: await placed.print!(job) })
      hands.pull_paper?.('')
      await until('paper is out', () => placed.consumables!().paper_upper === 'out')
      inputs.push(placed.consumables!())
    },
  },
}

/** Types once the pad has surely been asked, and again where on a busy machine it had not been. */
async function typed<T>(type: () => void, asked: Promise<T>): Promise<T> {
  let next = setTimeout(again, 120)
  function again() {
    type()
    next = setTimeout(again, 2_000)
  }
  return asked.finally(() => clearTimeout(next))
}

function pressed(key: string): Recorder['use'] {
  return async ({ inputs, until }, hands) => {
    hands.press?.(key)
    await until('a press', () => inputs.length === 1)
  }
}

async function rated({ placed, inputs, until }: Used, hands: Parameters<Recorder['use']>[1]) {
  placed.askRating!('visit001')
  await new Promise((wake) => setTimeout(wake, 150))
  hands.rate?.('4')
  await until('a rating', () => inputs.length === 1)
}

/** Of all since the link was opened: a recording has no more of them than were heard. */
function polled(placed: Used['placed'], frames: number): () => boolean {
  return () => placed.view().counters.frames_in >= frames
}

/** What was done before is in no file: digits, blocks, tickets' readers. */
const secrets = ['918273', '6222020200112230']

describe.concurrent('a recording', () => {
  it.each(Object.keys(uses))('of a %s, played back, gives the same', async (type) => {
    const given = uses[type]!
    const recorded = await record(type, given)
    expect(recorded.inputs.length).toBeGreaterThan(0)
    const played = await playBack(recorded, given)
    expect(played.inputs).toEqual(recorded.inputs)
    for (const secret of secrets) {
      expect(recorded.text).not.toContain(Buffer.from(secret).toString('hex'))
    }
  })
})

it('there is a use for every type, so that a new one is not forgotten here', () => {
  const known = Object.keys(deviceTypes).filter((type) => Object.hasOwn(uses, type))
  expect(known.length).toBe(Object.keys(uses).length)
})

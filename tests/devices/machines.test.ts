/**
 * The pure machines under any order of events a link and a caller can give: what must never happen,
 * whatever comes.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex } from '#devices/std/bytes.ts'
import { callPad } from '#devices/types/call-pad.ts'
import { idCardReader, type ReaderInput } from '#devices/types/id-card-reader.ts'
import type { Action, DeviceType, MachineEvent } from '#devices/types/machine.ts'
import type { PressInput } from '#devices/types/register-unit-state.ts'
import { ticketPrinter } from '#devices/types/ticket-printer.ts'
import { createPrinterReplyDeframer } from '#devices/wire/escpos.ts'
import {
  createModbusRequestDeframer,
  type ModbusReply,
  type ModbusRequest,
} from '#devices/wire/modbus-rtu.ts'
import {
  type Acknowledgement,
  decodeAcknowledgement,
  encodeEventBlock,
  encodeIdentity,
  encodeLatch,
  places,
} from '#devices/wire/register-map.ts'
import { createReplyDeframer, type SamReply } from '#devices/wire/sam.ts'
import { golden } from './support.ts'

/** Runs a machine by hand: events in, actions kept. The link is only ever up or down. */
function harness<State, Frame, Command, Input, Result, Options>(
  type: DeviceType<State, Frame, Command, Input, Result, Options>,
  options: Partial<Options> = {},
) {
  let state = type.begin({ ...type.defaults, ...options })
  let up = false
  let commands = 0
  const done: Action<Input, Result>[] = []
  const give = (event: MachineEvent<Frame, Command>, now_ms: number) => {
    const step = type.step(state, event, now_ms)
    state = step.state
    done.push(...step.actions)
    if (step.actions.some((action) => action.do === 'drop')) link(false, now_ms)
    return step.actions
  }
  const link = (wanted: boolean, now_ms: number) => {
    if (wanted === up) return
    up = wanted
    give({ type: wanted ? 'connected' : 'disconnected' }, now_ms)
  }
  return {
    done,
    give,
    link,
    command: (command: Command, now_ms: number) => {
      commands += 1
      give({ type: 'command', id: commands, command }, now_ms)
      return commands
    },
    get up() {
      return up
    },
  }
}

const boots = ['00000001', 'deadbeef']

function unitFrames(): ModbusReply[] {
  const serial = 'PAD-1'
  const identity = encodeIdentity({ class: 'call_pad', serial, firmware: '1.0' })
  const blocks = boots.flatMap((boot) =>
    [0, 1, 2].map((event) => {
      const press = { event, code: 'next', argument: 0, text: '' } as const
      const latched = event === 0 ? null : press
      return encodeEventBlock({ boot, latched, held: event === 0 ? 0 : 1, not_taken: 0 })
    }),
  )
  const reads = [identity, ...blocks].map(
    (values) => ({ address: 1, function: 'read_input', values }) as const,
  )
  const writes = [places.acknowledge, places.display].map(
    ({ start, count }) => ({ address: 1, function: 'write_many', start, count }) as const,
  )
  const refusals = (['read_input', 'write_many'] as const).map(
    (of) => ({ address: 1, function: 'exception', of, exception: 'illegal_value' }) as const,
  )
  const latches = boots.flatMap((boot) =>
    [0, 1, 2].map((event) => {
      const values = encodeLatch({ boot, event })
      return { address: 1, function: 'read_input', values } as const
    }),
  )
  return [...reads, ...writes, ...refusals, ...latches]
}

function lastLabel(actions: readonly Action<unknown, unknown>[]): string {
  const sent = actions.findLast((action) => action.do === 'send')
  return sent?.do === 'send' ? sent.label : ''
}

function acknowledgementsIn(actions: readonly Action<unknown, unknown>[]): Acknowledgement[] {
  return actions
    .filter((action) => action.do === 'send')
    .flatMap(({ bytes }) => createModbusRequestDeframer().push(bytes).frames)
    .filter(
      (request): request is Extract<ModbusRequest, { function: 'write_many' }> =>
        'start' in request && request.start === places.acknowledge.start,
    )
    .map((request) => decodeAcknowledgement(request.values)!)
}

describe('the machine of a call pad', () => {
  const frames = unitFrames()
  // What fits the question asked last, so that runs get far; any other frame may come too.
  const fitting: Record<string, ModbusReply[]> = {
    identity: frames.slice(0, 1),
    event: frames.slice(1, 7),
    latch: frames.slice(11, 17),
    acknowledge: frames.slice(7, 8),
    display: frames.slice(8, 9),
  }
  const act = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('answer'), which: fc.nat(5) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('frame'), which: fc.nat(frames.length - 1) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('settle'), which: fc.nat(2) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom('timer', 'up', 'down', 'show'),
        which: fc.nat(2),
      }),
    },
  )

  it('acknowledges nothing that was not decided, and only as it was decided', () => {
    let acknowledged = 0
    fc.assert(
      fc.property(fc.array(act, { minLength: 20, maxLength: 80 }), (acts) => {
        const machine = harness(callPad, { poll_ms: 1, retry_ms: 1 })
        const decided = new Map<string, 'recorded' | 'refused'>()
        const open: PressInput[] = []
        machine.link(true, 0)
        acts.forEach(({ do: what, which }, now_ms) => {
          const before = machine.done.length
          if (what === 'frame' && machine.up) {
            machine.give({ type: 'frame', frame: frames[which]! }, now_ms)
          } else if (what === 'answer' && machine.up) {
            const good = fitting[lastLabel(machine.done)]!
            machine.give({ type: 'frame', frame: good[which % good.length]! }, now_ms)
          } else if (what === 'settle') {
            const press = open.shift()
            if (press === undefined) return
            const { boot, event } = press
            // A press that was decided once is answered the same way whenever it comes again.
            const outcome =
              decided.get(`${boot}/${event}`) ??
              (['recorded', 'refused', 'failed'] as const)[which]!
            if (outcome !== 'failed') decided.set(`${boot}/${event}`, outcome)
            machine.give({ type: 'settled', boot, event, outcome }, now_ms)
          } else if (what === 'timer') machine.give({ type: 'timer' }, now_ms)
          else if (what === 'show') {
            machine.command({ command: 'show', display: { mode: 'paused' } }, now_ms)
          } else machine.link(what === 'up', now_ms)
          const fresh = machine.done.slice(before)
          for (const action of fresh) if (action.do === 'emit') open.push(action.input)
          for (const { boot, event, outcome } of acknowledgementsIn(fresh)) {
            acknowledged += 1
            expect(decided.get(`${boot}/${event}`)).toBe(outcome)
          }
        })
      }),
      { numRuns: 2000 },
    )
    expect(acknowledged).toBeGreaterThan(100)
  })
})

describe('the machine of a ticket printer', () => {
  const replies = [
    '12',
    '1A',
    '16',
    '32',
    '72',
    '10 00 00 00',
    '18 00 0F 00',
    '37 22 30 30 30 30 00',
  ]
  const frames = replies.flatMap((hex) => createPrinterReplyDeframer().push(fromHex(hex)).frames)
  const act = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('fine'), which: fc.constant(0) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('frame'), which: fc.nat(frames.length - 1) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('timer', 'up', 'down', 'print', 'proof'),
        which: fc.nat(3),
      }),
    },
  )

  it('answers each job once, sends it at most once, and fails only what was never sent', () => {
    const outcomes = new Set<unknown>()
    fc.assert(
      fc.property(fc.array(act, { minLength: 20, maxLength: 80 }), (acts) => {
        const machine = harness(ticketPrinter, { job_wait_ms: 20 })
        const jobs: number[] = []
        machine.link(true, 0)
        acts.forEach(({ do: what, which }, now_ms) => {
          if (what === 'frame' && machine.up) {
            machine.give({ type: 'frame', frame: frames[which]! }, now_ms)
          } else if (what === 'fine' && machine.up) {
            machine.give({ type: 'frame', frame: { reply: 'status', byte: 0x12 } }, now_ms)
          } else if (what === 'proof' && machine.up) {
            const sent = machine.done.findLast(
              (action) => action.do === 'send' && action.label === 'print',
            )
            if (sent === undefined || sent.do !== 'send') return
            const id = sent.bytes.slice(-4)
            machine.give({ type: 'frame', frame: { reply: 'process_id', id } }, now_ms)
          } else if (what === 'timer') machine.give({ type: 'timer' }, now_ms)
          else if (what === 'print') {
            const bytes = Uint8Array.of(0x41 + jobs.length)
            jobs.push(machine.command({ command: 'print', bytes }, now_ms))
          } else if (what === 'up' || what === 'down') machine.link(what === 'up', now_ms)
        })
        machine.link(false, 1000)
        machine.give({ type: 'timer' }, 2000)
        for (const id of jobs) {
          const finished = machine.done.filter((one) => one.do === 'finish' && one.id === id)
          expect(finished, 'one answer').toHaveLength(1)
          const sent = machine.done.filter(
            (one) => one.do === 'send' && one.label === 'print' && one.bytes[0] === 0x40 + id,
          )
          expect(sent.length, 'sent once').toBeLessThanOrEqual(1)
          const [{ result }] = finished as [{ do: 'finish'; id: number; result: string }]
          expect(result === 'failed', result).toBe(sent.length === 0)
          outcomes.add(result)
        }
      }),
      { numRuns: 2000 },
    )
    expect([...outcomes].sort()).toEqual(['failed', 'likely', 'printed', 'unknown'])
  })
})

describe('the machine of an ID-card reader', () => {
  const file = golden<{ replies: { hex: string }[] }>('id-card-reader.json')
  const short = file.replies.flatMap(({ hex }) => createReplyDeframer().push(fromHex(hex)).frames)
  const blank = new Uint8Array(1284).fill(0x20)
  blank.set([1, 0, 4, 0])
  const card: SamReply = { sw1: 0, sw2: 0, sw3: 0x90, data: blank }
  const frames = [...short, card]
  // The order in which a healthy reader answers, so that runs get far; any other frame may come too.
  const healthy = [4, 11, 6, 0, 2, frames.length - 1].map((at) => frames[at]!)
  const act = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('healthy'), which: fc.constant(0) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('frame'), which: fc.nat(frames.length - 1) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom('timer', 'up', 'down', 'forget', 'ask'),
        which: fc.nat(0),
      }),
    },
  )

  it('reports a card laid before a card lifted, in turns, and answers who asks with the one that lies there', () => {
    let cards = 0
    let answers = 0
    fc.assert(
      fc.property(fc.array(act, { minLength: 20, maxLength: 80 }), (acts) => {
        const machine = harness(idCardReader, { hold_ms: 20 })
        let lying: number | null = null
        const asked: number[] = []
        machine.link(true, 0)
        acts.forEach(({ do: what, which }, now_ms) => {
          const before = machine.done.length
          if (what === 'frame' && machine.up) {
            machine.give({ type: 'frame', frame: frames[which]! }, now_ms)
          } else if (what === 'healthy' && machine.up) {
            const names = ['status', 'read_id', 'read_new_address', 'find', 'select', 'read']
            const at = names.indexOf(lastLabel(machine.done))
            machine.give({ type: 'frame', frame: healthy[at]! }, now_ms)
          } else if (what === 'timer') machine.give({ type: 'timer' }, now_ms)
          else if (what === 'forget') {
            machine.command({ command: 'forget' }, now_ms)
            lying = null
          } else if (what === 'ask') asked.push(machine.command({ command: 'read' }, now_ms))
          else if (what === 'up' || what === 'down') machine.link(what === 'up', now_ms)
          for (const action of machine.done.slice(before)) {
            if (action.do === 'finish' && typeof action.result !== 'string') {
              answers += 1
              expect(action.result.card.reading).toBe(lying)
            }
            if (action.do !== 'emit') continue
            const input: ReaderInput = action.input
            if (input.type === 'card') {
              cards += 1
              expect(lying).toBeNull()
              lying = input.card.reading
            } else if (input.type === 'removed') {
              expect(input.reading).toBe(lying)
              lying = null
            }
          }
        })
        machine.link(false, acts.length)
        for (const id of asked) {
          const finished = machine.done.filter((one) => one.do === 'finish' && one.id === id)
          expect(finished, 'answered once').toHaveLength(1)
        }
      }),
      { numRuns: 2000 },
    )
    expect(cards).toBeGreaterThan(100)
    expect(answers).toBeGreaterThan(20)
  })
})

/** XFS4IoT messages against published texts, and the machine against whatever a service may say. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '#devices/std/bytes.ts'
import type { MachineEvent } from '#devices/types/machine.ts'
import { type XfsRequest, xfs4iot } from '#devices/types/xfs4iot.ts'
import {
  createXfsDeframer,
  fromBase64,
  printCommand,
  readMessage,
  recordOf,
  textsOf,
  toBase64,
  type XfsMessage,
} from '#devices/wire/xfs4iot.ts'
import {
  capabilitiesOf,
  cardDataOf,
  commandOf,
  servicesOf,
  statusOf,
} from '#devices/wire/xfs4iot-members.ts'
import { golden, holdsSplitLaw } from './support.ts'

type Golden = {
  command: { request_id: number; timeout_ms: number; text: string }
  event: { text: string }
  completion: { text: string; track_hex: string }
  completion_payload_first: { text: string }
  not_messages: { texts: string[] }
  capabilities: {
    payload: Record<string, unknown>
    serial: string
    model: string
    firmware: string
    interfaces: string[]
  }
}
const published = golden<Golden>('xfs4iot.json')

describe('messages', () => {
  it('prints a command as published, to the character', () => {
    const { request_id, timeout_ms, text } = published.command
    const { payload } = JSON.parse(text) as { payload: Record<string, unknown> }
    const command = commandOf('CardReader.ReadRawData', { request_id, timeout_ms, payload })
    expect(printCommand(command)).toBe(text)
    expect(readMessage(text)).toMatchObject({ type: 'command', request_id, version: '2.0' })
  })

  it('reads what is published: event, completion, and one without code or version', () => {
    expect(readMessage(published.event.text)).toMatchObject({
      type: 'event',
      name: 'CardReader.MediaInsertedEvent',
      request_id: 123456,
      payload: {},
    })
    const { text, track_hex } = published.completion
    const message = readMessage(text)!
    expect(message).toMatchObject({ type: 'completion', completion_code: 'success' })
    const card = cardDataOf(message.payload)
    expect(toHex(card.track1!.data!)).toBe(track_hex)
    expect([card.track1!.status, card.track2!.status]).toEqual([null, 'dataMissing'])
    expect(card.chip).toBeUndefined()
    const older = readMessage(published.completion_payload_first.text)!
    expect(older).toMatchObject({ completion_code: null, version: null })
    for (const other of published.not_messages.texts) expect(readMessage(other)).toBeNull()
  })

  it('reads the published capabilities', () => {
    const { payload, serial, model, firmware, interfaces } = published.capabilities
    expect(capabilitiesOf(payload)).toEqual({
      serial,
      model,
      firmware,
      interfaces: new Set(interfaces),
    })
  })

  it('reads both editions’ places of the completion code', () => {
    const first =
      '{"header":{"type":"completion","name":"A.B","requestId":1},"payload":{"completionCode":"timeOut"}}'
    expect(readMessage(first)!.completion_code).toBe('timeOut')
  })

  it('takes any JSON for what it is and never throws', () => {
    const anything = fc.json({ maxDepth: 6 })
    const inHeader = fc.record({ header: fc.anything(), payload: fc.anything() })
    const almost = fc.record({
      header: fc.record({
        type: fc.constantFrom('completion', 'event', 'acknowledge', 'unsolicited', 'command'),
        name: fc.constantFrom('Common.Status', 'X.Y', ''),
        requestId: fc.anything(),
        completionCode: fc.anything(),
      }),
      payload: fc.record({
        common: fc.anything(),
        printer: fc.record({ paper: fc.anything(), media: fc.anything() }),
        cardReader: fc.anything(),
        interfaces: fc.anything(),
        services: fc.anything(),
        chip: fc.anything(),
        track1: fc.anything(),
      }),
    })
    const texts = fc.oneof(
      anything,
      fc.string(),
      inHeader.map((value) => JSON.stringify(value) ?? ''),
      almost.map((value) => JSON.stringify(value)),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const message = readMessage(text)
        if (message === null) return
        statusOf(message.payload)
        capabilitiesOf(message.payload)
        servicesOf(message.payload)
        cardDataOf(message.payload)
        xfs4iot.label(message)
      }),
      { numRuns: 2_000 },
    )
  })

  it('carries any JSON through a record unchanged', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(0, 2), (text, indent) => {
        const value: unknown = JSON.parse(text)
        const record = recordOf(JSON.stringify({ value, 号: '欧阳\u2028\n' }, null, indent))
        const [out, ...more] = textsOf(record)
        expect(more).toEqual([])
        expect(JSON.parse(out!)).toEqual({ value, 号: '欧阳\u2028\n' })
      }),
    )
  })

  it('has the same messages and the same noise however the bytes are cut', () => {
    const texts = [published.event.text, published.completion.text]
    const stray = [Buffer.from('\u001ehalf'), recordOf('not json'), Buffer.from('\n\n')]
    holdsSplitLaw(createXfsDeframer, [
      ...texts.map(recordOf),
      ...stray.map((one) => Uint8Array.from(one)),
    ])
  })

  it('encodes and decodes base64 as the platform does, and refuses what is none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'))
        expect(toHex(fromBase64(toBase64(bytes))!)).toBe(toHex(bytes))
      }),
    )
    for (const text of ['A', 'AAA', 'A===', 'A=AA', 'AA-_', '====', 7, null]) {
      expect([text, fromBase64(text)]).toEqual([text, null])
    }
  })
})

describe('the machine', () => {
  /** Runs it; keeps what it sent and how commands ended. */
  function run(options: Partial<typeof xfs4iot.defaults> = {}) {
    let state = xfs4iot.begin({ ...xfs4iot.defaults, ...options })
    const sent: { name: string; id: number }[] = []
    const ended = new Map<number, string>()
    const shown: string[] = []
    let drops = 0
    let commands = 0
    const give = (event: MachineEvent<XfsMessage, XfsRequest>, now_ms: number) => {
      const step = xfs4iot.step(state, event, now_ms)
      state = step.state
      for (const action of step.actions) {
        if (action.do === 'send') {
          const message = readMessage(textsOf(action.bytes)[0]!)!
          sent.push({ name: message.name, id: message.request_id! })
        }
        if (action.do === 'finish') {
          if (ended.has(action.id)) throw new Error('finished twice')
          ended.set(action.id, action.result.outcome)
        }
        if (action.do === 'state') shown.push(`${action.state} ${action.reason}`)
        if (action.do === 'drop') drops += 1
      }
    }
    const hear = (header: object, payload: object, now_ms: number) => {
      const frame = readMessage(JSON.stringify({ header, payload }))!
      give({ type: 'frame', frame }, now_ms)
    }
    return {
      sent,
      ended,
      shown,
      give,
      hear,
      get drops() {
        return drops
      },
      complete(name: string, payload: object, now_ms: number, completionCode = 'success') {
        const { id } = sent.findLast((one) => one.name === name)!
        hear({ type: 'completion', name, requestId: id, completionCode }, payload, now_ms)
      },
      command(command: XfsRequest, now_ms: number) {
        commands += 1
        give({ type: 'command', id: commands, command }, now_ms)
        return commands
      },
    }
  }

  const words: [string, string][] = [
    ['online', 'online status'],
    ['offline', 'offline offline'],
    ['powerOff', 'power_off power_off'],
    ['noDevice', 'no_device no_device'],
    ['hardwareError', 'hardware_error hardware_error'],
    ['userError', 'user_error user_error'],
    ['deviceBusy', 'device_busy device_busy'],
    ['fraudAttempt', 'fraud_attempt fraud_attempt'],
    ['potentialFraud', 'potential_fraud potential_fraud'],
    ['starting', 'starting starting'],
    ['toString', 'unsupported unknown_state'],
  ]
  it.each(words)('says what the service says of its device: %s', (word, shown) => {
    const service = run()
    service.give({ type: 'connected' }, 0)
    service.complete('Common.Capabilities', {}, 1)
    service.complete('Common.Status', { common: { device: word } }, 2)
    expect(service.shown).toEqual([shown])
  })

  it('shows nothing that a service puts in the place of a code or of a supply', () => {
    const service = run()
    const track = 'B6222021234567890^OUYANG/CESHI'
    service.give({ type: 'connected' }, 0)
    service.complete('Common.Capabilities', {}, 1)
    service.complete('Common.Status', {}, 2, track)
    const paper = { upper: 'low', [track]: 'out', '<img>': 'out' }
    const payload = { common: { device: 'online' }, printer: { paper } }
    const unasked = { type: 'unsolicited', name: 'Common.StatusChangedEvent' }
    service.hear(unasked, payload, 3)
    expect(service.shown).toEqual(['unsupported unknown_code', 'online paper_low'])
    const label = (header: object) =>
      xfs4iot.label(readMessage(JSON.stringify({ header, payload: {} }))!)
    for (const code of [{ completionCode: track }, { status: track }]) {
      const shown = label({ type: 'completion', name: 'Common.Status', requestId: 1, ...code })
      expect(JSON.stringify(shown)).not.toContain('622202')
    }
    expect(label({ type: 'acknowledge', name: 'A.B', status: 'tooManyRequests' }).status).toBe(
      'tooManyRequests',
    )
  })

  it('keeps no more supplies than a printer has, whatever names come', () => {
    let state = xfs4iot.begin(xfs4iot.defaults)
    const give = (event: MachineEvent<XfsMessage, XfsRequest>) => {
      state = xfs4iot.step(state, event, 0).state
    }
    give({ type: 'connected' })
    for (let at = 0; at < 200; at++) {
      const header = { type: 'unsolicited', name: 'Common.StatusChangedEvent' }
      const payload = { printer: { paper: { [`supply${at}`]: 'low' } } }
      give({ type: 'frame', frame: readMessage(JSON.stringify({ header, payload }))! })
    }
    expect(Object.keys(state.status.paper)).toHaveLength(16)
  })

  it('tells of paper and jams of a device that calls itself online', () => {
    const service = run()
    service.give({ type: 'connected' }, 0)
    service.complete('Common.Capabilities', {}, 1)
    service.complete('Common.Status', { common: { device: 'online' } }, 2)
    for (const upper of ['low', 'out', 'jammed', 'full']) {
      const header = { type: 'event', name: 'Common.StatusChangedEvent' }
      service.hear(header, { printer: { paper: { upper } } }, 3)
    }
    expect(service.shown.slice(1)).toEqual([
      'online paper_low',
      'user_error paper_out',
      'user_error media_jammed',
      'online status',
    ])
  })

  it('takes an answer of another number or another name for none', () => {
    const service = run()
    service.give({ type: 'connected' }, 0)
    service.complete('Common.Capabilities', { interfaces: [{ name: 'Printer' }] }, 1)
    const id = service.command({ command: 'print', data: fromHex('1b40') }, 2)
    const { id: requestId } = service.sent.at(-1)!
    const completed = { type: 'completion', name: 'Printer.PrintRaw', completionCode: 'success' }
    const others = [
      { ...completed, requestId: requestId + 1 },
      { ...completed, requestId: String(requestId) },
      { ...completed },
      { ...completed, requestId, name: 'Lights.SetLight' },
      { ...completed, requestId, type: 'acknowledge', name: 'Lights.SetLight', status: 'x' },
      { ...completed, requestId, type: 'command' },
    ]
    for (const header of others) service.hear(header, {}, 3)
    expect(service.ended.get(id)).toBeUndefined()
    service.hear({ ...completed, requestId }, {}, 4)
    expect(service.ended.get(id)).toBe('done')
  })

  it('gives up a silent service after three questions, and its commands with it', () => {
    const service = run({ poll_ms: 1_000, reply_ms: 500 })
    service.give({ type: 'connected' }, 0)
    const light = { light: 'statusGood', position: 'default', flash: 'slow' } as const
    const id = service.command({ command: 'read_card', sources: ['chip'], wait_ms: 60_000 }, 1)
    expect(service.command({ command: 'light', light }, 1)).toBe(2)
    for (let now = 500; service.drops === 0 && now < 10_000; now += 500) {
      service.give({ type: 'timer' }, now)
      if (service.drops > 0) expect(now).toBeLessThanOrEqual(3_000)
    }
    expect([service.drops, service.ended.get(id)]).toEqual([1, 'lost'])
  })

  it('answers every command once, whatever the service says and when', () => {
    const names = ['Common.Status', 'CardReader.ReadRawData', 'Printer.PrintRaw', 'Common.Cancel']
    const step = fc.oneof(
      fc.constant({ do: 'link' as const }),
      fc.constant({ do: 'timer' as const }),
      fc.record({ do: fc.constant('command' as const), which: fc.nat(3) }),
      fc.record({
        do: fc.constant('say' as const),
        type: fc.constantFrom('completion', 'acknowledge', 'event', 'unsolicited', 'command'),
        name: fc.constantFrom(...names, 'Common.StatusChangedEvent', 'Common.Capabilities'),
        back: fc.nat(6),
        status: fc.constantFrom(undefined, 'tooManyRequests'),
        completionCode: fc.constantFrom(
          'success',
          'canceled',
          'commandErrorCode',
          'timeOut',
          undefined,
        ),
      }),
    )
    const asks: XfsRequest[] = [
      { command: 'read_card', sources: ['track2'], wait_ms: 1_000 },
      { command: 'print', data: fromHex('1b40') },
      { command: 'cancel' },
      { command: 'eject_card' },
    ]
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat(2_000)), { maxLength: 60 }), (steps) => {
        const service = run()
        let up = false
        let now = 0
        let asked = 0
        let drops = 0
        const link = (wanted: boolean) => {
          up = wanted
          service.give({ type: up ? 'connected' : 'disconnected' }, now)
        }
        for (const [one, later] of steps) {
          now += later
          if (one.do === 'link') link(!up)
          else if (one.do === 'timer' && up) service.give({ type: 'timer' }, now)
          else if (one.do === 'command') asked = service.command(asks[one.which]!, now)
          else if (one.do === 'say' && up) {
            const { type, name, status, completionCode, back } = one
            const requestId = service.sent.at(-1 - back)?.id
            service.hear({ type, name, requestId, status, completionCode }, {}, now)
          }
          if (service.drops > drops) {
            drops = service.drops
            link(false)
          }
        }
        if (up) link(false)
        expect([...service.ended.keys()].sort((a, b) => a - b)).toEqual(
          Array.from({ length: asked }, (_, i) => i + 1),
        )
      }),
      { numRuns: 1_000 },
    )
  })
})

/**
 * The simulated devices against their data sheets, byte by byte and without a driver: a far end that
 * forgives would let a driver's mistake through.
 */
import { describe, expect, it } from 'vitest'
import { concat, fromHex, toHex } from '#devices/std/bytes.ts'
import { encodeModbusRequest, type ModbusRequest } from '#devices/wire/modbus-rtu.ts'
import { encodeAcknowledgement, readRequest, writeRequest } from '#devices/wire/register-map.ts'
import { createCallPadModel } from '../../firmware-sim/models/call-pad.ts'
import { IdCardReaderModel } from '../../firmware-sim/models/id-card-reader.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { type PrintedTicket, TicketPrinterModel } from '../../firmware-sim/models/ticket-printer.ts'
import { golden } from '../devices/support.ts'
import { seeded } from './helpers.ts'

function wired(model: DeviceModel) {
  let sent: Uint8Array[] = []
  model.attach((bytes) => sent.push(bytes))
  return (bytes: Uint8Array): string => {
    sent = []
    model.receive(bytes)
    return toHex(concat(...sent))
  }
}

describe('the simulated call pad', () => {
  const acknowledge = (boot: string, event: number, outcome: 'recorded' | 'refused') =>
    encodeModbusRequest(
      writeRequest(1, 'acknowledge', encodeAcknowledgement({ boot, event, outcome })),
    )
  const accepted = /^0110/
  const refused = /^019003/

  it('releases its latch for exactly the event it shows, in exactly this boot, once', async () => {
    const pad = createCallPadModel(seeded(3), { serial: 'PAD' })
    const ask = wired(pad)
    const first = pad.press('next')
    void pad.press('done').catch(() => {})
    for (const [boot, event] of [
      [pad.boot, 2],
      [pad.boot, 0],
      ['00000001', 1],
    ] as const) {
      expect(ask(acknowledge(boot, event, 'recorded'))).toMatch(refused)
    }
    expect(pad.held).toBe(2)
    expect(ask(acknowledge(pad.boot, 1, 'refused'))).toMatch(accepted)
    expect(await first).toEqual({ outcome: 'refused', boot: pad.boot, event: 1 })
    expect(ask(acknowledge(pad.boot, 1, 'refused'))).toMatch(accepted)
    expect(ask(acknowledge(pad.boot, 1, 'recorded'))).toMatch(refused)
    expect(pad.held).toBe(1)
  })

  it('forgets at power loss, under a new nonce, and tells who pressed', async () => {
    const pad = createCallPadModel(seeded(3), { serial: 'PAD' })
    const before = pad.boot
    const press = pad.press('next')
    pad.powerUp()
    await expect(press).rejects.toMatchObject({ code: 'device_gone' })
    expect(pad.boot).not.toBe(before)
    expect(wired(pad)(acknowledge(before, 1, 'recorded'))).toMatch(refused)
  })

  it('takes no press without room, and counts it', async () => {
    const pad = createCallPadModel(seeded(3), { serial: 'PAD', room: 8 })
    for (let i = 0; i < 8; i++) void pad.press('next').catch(() => {})
    await expect(pad.press('next')).rejects.toMatchObject({ code: 'overloaded' })
    // Registers 0026 and 0027: eight held, one not taken.
    expect(wired(pad)(encodeModbusRequest(readRequest(1, 'event')))).toContain('00080001')
  })

  it('is silent to others, to broadcasts and to damage, and names what it does not have', () => {
    const pad = createCallPadModel(seeded(3), { serial: 'PAD', address: 5 })
    const ask = wired(pad)
    const read = (start: number): ModbusRequest => ({
      address: 5,
      function: 'read_input',
      start,
      count: 1,
    })
    expect(ask(encodeModbusRequest({ ...read(0), address: 6 }))).toBe('')
    expect(ask(encodeModbusRequest({ ...read(0), address: 0 }))).toBe('')
    expect(ask(fromHex('05 04 00 00 00 0C 00 00'))).toBe('')
    expect(ask(encodeModbusRequest(read(0x30)))).toMatch(/^058402/)
    expect(ask(encodeModbusRequest(read(0)))).toMatch(/^058402/)
    const holding = { address: 5, function: 'read_holding', start: 0x50, count: 5 } as const
    expect(ask(encodeModbusRequest(holding))).toMatch(/^058302/)
  })
})

describe('the simulated reader', () => {
  type Golden = Record<'requests' | 'replies', { name: string; hex: string }[]>
  const file = golden<Golden>('id-card-reader.json')
  const request = (name: string) => fromHex(file.requests.find((one) => one.name === name)!.hex)
  const reply = (name: string) => toHex(fromHex(file.replies.find((one) => one.name === name)!.hex))
  const text = {
    kind: 'foreigner_2017',
    name_en: 'SMITH, JOHN TEST',
    sex: '1',
    number: 'USA110090010101',
    nationality: 'USA',
    name: '史密斯',
    valid_from: '20180101',
    valid_to: '20280101',
    birth: '19900101',
    version: '01',
    authority: '1500',
    reserved: '',
  } as const

  it('wants find, select and read in this order, and finds a card once', () => {
    const reader = new IdCardReaderModel()
    const ask = wired(reader)
    expect(ask(request('find'))).toBe(reply('no card'))
    reader.placeCard({ text })
    expect(ask(request('select'))).toBe(reply('select failed'))
    expect(ask(request('read'))).toBe(reply('read failed'))
    expect(ask(request('find'))).toBe(reply('card found'))
    expect(ask(request('read'))).toBe(reply('read failed'))
    expect(ask(request('select'))).toBe(reply('selected'))
    expect(ask(request('read')).length).toBe(1295 * 2)
    expect(ask(request('find'))).toBe(reply('no card'))
    expect(ask(request('read_new_address'))).toBe(reply('no such item'))
    reader.removeCard()
    expect(ask(request('read_new_address'))).toBe(reply('read failed'))
    reader.placeCard({ text })
    expect(ask(request('find'))).toBe(reply('card found'))
  })

  it('answers damage, wrong lengths and unknown commands by their status', () => {
    const reader = new IdCardReaderModel()
    const ask = wired(reader)
    expect(ask(fromHex('AA AA AA 96 69 00 03 20 01 23'))).toBe(reply('checksum error'))
    expect(ask(fromHex('AA AA AA 96 69 00 02 00 02'))).toBe(reply('length error'))
    expect(ask(fromHex('AA AA AA 96 69 00 03 DC 01 DE'))).toBe(reply('command error'))
    expect(ask(request('read_id'))).toBe(reply('SAM id'))
    expect(ask(request('status'))).toBe(reply('plain success'))
    reader.setFault('self_test_failed')
    expect(ask(request('status'))).toBe(reply('self test failed'))
  })
})

describe('the simulated printer', () => {
  it('prints the golden ticket', () => {
    const printer = new TicketPrinterModel()
    const tickets: PrintedTicket[] = []
    printer.onTicket = (ticket) => tickets.push(ticket)
    const ask = wired(printer)
    ask(fromHex('1B 40 1C 26 C4 FA B5 C4 BA C5 C2 EB 20 41 30 30 31 0A 1D 56 42 00'))
    expect(tickets).toEqual([
      {
        lines: [{ text: '您的号码 A001', large: false }],
        number: null,
        qr: null,
        reprint: false,
        whole: true,
      },
    ])
  })

  it('cuts as newer models do, and prints no bar code as text', () => {
    for (const m of ['61', '62', '67', '68']) {
      const printer = new TicketPrinterModel()
      const tickets: PrintedTicket[] = []
      printer.onTicket = (ticket) => tickets.push(ticket)
      const codes = '1D 6B 04 41 30 30 31 00 1D 6B 49 06 7B 42 41 30 30 31'
      wired(printer)(fromHex(`41 0A ${codes} 42 0A 1D 56 ${m} 41 43 0A 1D 56 42 00`))
      expect(tickets.map(({ lines }) => lines.map(({ text }) => text))).toEqual([['A', 'B'], ['C']])
    }
  })

  it('tells its status off line too, and proves a job only when it is on paper', () => {
    const printer = new TicketPrinterModel()
    const tickets: PrintedTicket[] = []
    printer.onTicket = (ticket) => tickets.push(ticket)
    const ask = wired(printer)
    printer.set({ paper_out: true })
    expect(ask(fromHex('41 0A 1D 56 42 00 1D 28 48 06 00 30 30 41 42 43 44'))).toBe('')
    expect([1, 2, 4].map((n) => ask(Uint8Array.of(0x10, 0x04, n)))).toEqual(['1a', '32', '72'])
    expect(tickets).toHaveLength(0)
    const heard: string[] = []
    printer.attach((bytes) => heard.push(toHex(bytes)))
    printer.set({ paper_out: false })
    expect(tickets).toHaveLength(1)
    expect(heard).toEqual(['37224142434400'])
  })

  it('tears off what was never cut when the next job begins', () => {
    const printer = new TicketPrinterModel()
    const tickets: PrintedTicket[] = []
    printer.onTicket = (ticket) => tickets.push(ticket)
    const ask = wired(printer)
    ask(fromHex('1B 40 41 0A'))
    ask(fromHex('1B 40 42 0A 1D 56 42 00'))
    expect(tickets.map(({ whole, lines }) => [whole, lines[0]!.text])).toEqual([
      [false, 'A'],
      [true, 'B'],
    ])
  })
})

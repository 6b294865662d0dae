/** Ticket printer: the real driver over /dev/usb/lp0 against the simulated printer. */
import assert from 'node:assert/strict'
import type { PrintJob } from '#devices/types/ticket-template.ts'
import {
  type PrintedTicket,
  TicketPrinterModel,
} from '../../../firmware-sim/models/ticket-printer.ts'
import { createPrinter } from '../../../gateway/drivers/printer-driver.ts'
import { partsAt, patient_ms, session } from './parts.ts'
import type { Plug } from './plugs.ts'
import { test, until } from './report.ts'
import { Tripwire } from './tripwire.ts'

const job: PrintJob = {
  hall: { zh: '测试营业厅', en: 'Test Hall' },
  service: { zh: '个人业务', en: 'Personal' },
  number: 'A001',
  people_ahead: 3,
  wait_min: null,
  counters: [],
  rules: null,
  lines: null,
  time: '2026-01-05 09:30',
  reprint: false,
  qr: 'hw1:ticket-1',
}
const options = {
  poll_ms: 20,
  reply_ms: patient_ms,
  process_id_ms: patient_ms,
  job_wait_ms: patient_ms,
  session,
}

export async function testPrinter(where: string, plug: Plug): Promise<void> {
  const bench = () => {
    const model = new TicketPrinterModel()
    const tickets: PrintedTicket[] = []
    model.onTicket = (ticket) => tickets.push(ticket)
    const start = () => {
      const printer = createPrinter('printer', partsAt(plug.at), { options })
      printer.start()
      return printer
    }
    return { model, tickets, start, far: new Tripwire(model) }
  }
  const numbers = (tickets: readonly PrintedTicket[]) => tickets.map((ticket) => ticket.number)

  await test(`${where}: a burst of tickets, each once, each proved`, async () => {
    const { tickets, start, far } = bench()
    await using printer = start()
    await plug.plug(far)
    await until(() => printer.view().state === 'online')
    const wanted = Array.from({ length: 10 }, (_, i) => `A${String(i + 1).padStart(3, '0')}`)
    const outcomes = await Promise.all(wanted.map((number) => printer.print({ ...job, number })))
    assert.deepEqual(new Set(outcomes), new Set(['printed']))
    assert.deepEqual(numbers(tickets), wanted)
    assert.ok(tickets.every((ticket) => ticket.whole))
    await plug.unplug()
    await until(() => printer.view().state === 'offline')
  })

  await test(`${where}: paper out is told over the back channel, and mended`, async () => {
    const { model, start, far } = bench()
    await using printer = start()
    await plug.plug(far)
    await until(() => printer.view().state === 'online')
    model.set({ paper_out: true })
    await until(() => printer.view().state === 'user_error')
    model.set({ paper_out: false })
    await until(() => printer.view().state === 'online')
    await plug.unplug()
  })

  await test(`${where}: pulled while printing and while asked, prints nothing twice`, async () => {
    const { tickets, start, far } = bench()
    await using printer = start()
    await plug.plug(far)
    const moments = [
      { at: (bytes: Uint8Array) => bytes.length > 40, when: 'asked' },
      { at: (bytes: Uint8Array) => bytes.length > 40, when: 'answering' },
      { at: isStatusRequest, when: 'asked' },
    ] as const
    for (const [i, moment] of moments.entries()) {
      await until(() => printer.view().state === 'online')
      const tripped = far.arm(moment)
      const lost = `L00${i}`
      const outcome = printer.print({ ...job, number: lost })
      await tripped
      await plug.unplug()
      await until(() => printer.view().state === 'offline')
      await plug.plug(far)
      await until(() => printer.view().state === 'online')
      assert.equal(await printer.print({ ...job, number: `N00${i}` }), 'printed')
      const count = numbers(tickets).filter((number) => number === lost).length
      const said = await outcome
      assert.ok(count <= 1, `${lost} was printed ${count} times`)
      assert.ok(said !== 'printed' || count === 1, `${lost} is called ${said}, printed ${count}`)
      assert.ok(said !== 'failed' || count === 0, `${lost} is called ${said}, printed ${count}`)
      assert.equal(numbers(tickets).filter((number) => number === `N00${i}`).length, 1)
    }
    await plug.unplug()
  })
}

function isStatusRequest(bytes: Uint8Array): boolean {
  return bytes.some((byte, i) => byte === 0x10 && bytes[i + 1] === 0x04)
}

/** Ticket printer: the real driver against the simulated printer over real TCP. */
import { describe, expect, it } from 'vitest'
import type { PrintJob } from '#devices/types/ticket-template.ts'
import type { LineOptions } from '../../firmware-sim/line.ts'
import {
  type PrintedTicket,
  TicketPrinterModel,
  type TicketPrinterOptions,
} from '../../firmware-sim/models/ticket-printer.ts'
import { createPrinter } from '../../gateway/drivers/printer-driver.ts'
import { lineFor, partsFor, quick, until } from './helpers.ts'

const job: PrintJob = {
  hall: { zh: '中关村营业厅', en: 'Zhongguancun Hall' },
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
const fast = {
  poll_ms: 5,
  // Long enough for a busy machine: tests that wait for a time-out shorten the one they mean.
  reply_ms: 10_000,
  process_id_ms: 10_000,
  process_id_unsupported_ms: 30,
  job_wait_ms: 20_000,
  session: quick,
}

async function bench(
  given: { line?: LineOptions; model?: TicketPrinterOptions; seed?: number } = {},
) {
  const model = new TicketPrinterModel(given.model)
  const tickets: PrintedTicket[] = []
  model.onTicket = (ticket) => tickets.push(ticket)
  const line = await lineFor(model, given.line, given.seed)
  const start = (options = {}) => {
    const printer = createPrinter('printer', partsFor(line.port, given.seed), {
      options: { ...fast, ...options },
    })
    printer.start()
    return printer
  }
  return { model, line, tickets, start }
}

describe('a ticket printer', () => {
  it('tells of pulled paper by itself, long before the next look', async () => {
    const { model, line, start } = await bench()
    await using _line = line
    await using printer = start({ poll_ms: 600_000 })
    const told = ({ direction, command }: { direction: string; command: string }) =>
      direction === 'in' && command === 'automatic_status'
    await until(() => printer.view().frames.some(told))
    model.set({ paper_out: true })
    await until(() => printer.view().reason === 'paper_out')
    model.set({ paper_out: false })
    await until(() => printer.view().reason === 'answers')
  })

  it('prints a ticket in Chinese and English and proves it by its process id', async () => {
    const { line, tickets, start } = await bench()
    await using _line = line
    await using printer = start()
    expect(await printer.print(job)).toBe('printed')
    expect(tickets).toHaveLength(1)
    expect(tickets[0]).toMatchObject({
      number: 'A001',
      qr: 'hw1:ticket-1',
      reprint: false,
      whole: true,
    })
    const text = tickets[0]!.lines.map((row) => row.text)
    expect(text).toContain('中关村营业厅')
    expect(text).toContain('Personal')
    expect(text).toContain('您前面还有 3 人')
  })

  it('marks a reprint, and lets no control character through as a command', async () => {
    const { line, tickets, start } = await bench()
    await using _line = line
    await using printer = start()
    const hostile = { ...job, reprint: true, hall: { zh: '厅\u001b@\u001dV\u0000', en: 'x\n\ny' } }
    expect(await printer.print(hostile)).toBe('printed')
    expect(tickets).toHaveLength(1)
    expect(tickets[0]).toMatchObject({ reprint: true, number: 'A001', whole: true })
  })

  it('prints rare names of services in four-byte GB18030', async () => {
    const { line, tickets, start } = await bench()
    await using _line = line
    await using printer = start()
    await printer.print({ ...job, service: { zh: '㐀𠀀业务·', en: 'Rare' } })
    expect(tickets[0]!.lines.map((row) => row.text)).toContain('㐀𠀀业务·')
  })

  it('calls it likely when the printer names no jobs but is fine before and after', async () => {
    const { line, tickets, start } = await bench({ model: { process_id: false } })
    await using _line = line
    await using printer = start({ process_id_ms: 60 })
    expect(await printer.print(job)).toBe('likely')
    expect(await printer.print({ ...job, number: 'A002' })).toBe('likely')
    expect(tickets.map((ticket) => ticket.number)).toEqual(['A001', 'A002'])
  })

  it('fails without sending anything when the printer is in trouble before', async () => {
    for (const trouble of ['paper_out', 'cover_open', 'cutter_error'] as const) {
      const { model, line, tickets, start } = await bench()
      await using _line = line
      model.set({ [trouble]: true })
      await using printer = start()
      expect(await printer.print(job)).toBe('failed')
      await until(() => printer.view().reason === trouble)
      expect(printer.view().state).toBe(
        trouble === 'cutter_error' ? 'hardware_error' : 'user_error',
      )
      model.set({ [trouble]: false })
      await until(() => printer.view().state === 'online')
      expect(tickets).toEqual([])
      expect(await printer.print(job)).toBe('printed')
    }
  })

  it('takes no other process id for a proof', async () => {
    const { model, line, tickets, start } = await bench()
    await using _line = line
    const attach = model.attach.bind(model)
    model.attach = (send) =>
      attach((bytes) => {
        const proof = bytes[0] === 0x37
        send(proof ? Uint8Array.of(0x37, 0x22, 0x5a, 0x5a, 0x5a, 0x5a, 0) : bytes)
      })
    await using printer = start({ process_id_ms: 60 })
    expect(await printer.print(job)).toBe('likely')
    await until(() => printer.view().counters.unasked_frames === 1)
    expect(tickets).toHaveLength(1)
  })

  it('does not know when paper ends in the middle, and prints nothing again by itself', async () => {
    const { model, line, tickets, start } = await bench()
    await using _line = line
    await using printer = start({ process_id_ms: 60 })
    await until(() => printer.view().state === 'online')
    const receive = model.receive.bind(model)
    model.receive = (bytes) => {
      // The paper runs out with the job in the buffer.
      if (bytes.length > 50) model.set({ paper_out: true })
      receive(bytes)
    }
    expect(await printer.print(job)).toBe('unknown')
    model.set({ paper_out: false })
    await until(() => printer.view().state === 'online')
    expect(tickets).toHaveLength(1)
  })

  it('fails when nobody is there, and does not know when the link breaks behind the job', async () => {
    const { model, line, start } = await bench()
    await using _line = line
    await using printer = start({ job_wait_ms: 500 })
    await until(() => printer.view().state === 'online')
    const receive = model.receive.bind(model)
    model.receive = (bytes) => (bytes.length > 50 ? line.cut() : receive(bytes))
    expect(await printer.print(job)).toBe('unknown')
    await line.unplug()
    await until(() => printer.view().state === 'offline')
    expect(await printer.print(job)).toBe('failed')
    await line.plug()
    model.receive = receive
    await until(() => printer.view().state === 'online')
    expect(['printed', 'failed']).toContain(await printer.print(job))
  })

  it('waits a moment for a link that comes back', async () => {
    const { line, start } = await bench()
    await using _line = line
    await using printer = start()
    await until(() => printer.view().state === 'online')
    await line.unplug()
    const outcome = printer.print(job)
    await line.plug()
    expect(await outcome).toBe('printed')
  })

  it('answers every job when it is closed', async () => {
    const { model, line, start } = await bench()
    await using _line = line
    const printer = start()
    await until(() => printer.view().state === 'online')
    model.receive = () => {}
    const jobs = Array.from({ length: 20 }, () => printer.print(job))
    await printer[Symbol.asyncDispose]()
    expect(new Set(await Promise.all(jobs))).toEqual(new Set(['failed']))
    expect(await printer.print(job)).toBe('failed')
  })

  it('tells the truth on a bad cable: printed means a slip, failed means none', async () => {
    for (const seed of [1, 2, 3]) {
      // Damage in text cannot be seen by ESC/POS, so this cable only loses and delays.
      const faults = { split: 0.3, delay: 0.2, unplug: 0.08, delay_ms: 3 }
      const { line, tickets, start } = await bench({ line: { faults }, seed })
      await using _line = line
      await using printer = start({ process_id_ms: 500 })
      const outcomes = new Map<string, string>()
      for (let i = 0; i < 40; i++) {
        const number = `N${i}`
        outcomes.set(number, await printer.print({ ...job, number }))
      }
      const slips = (number: string) =>
        tickets.filter((ticket) => ticket.whole && ticket.number === number).length
      for (const [number, outcome] of outcomes) {
        if (outcome === 'printed') expect(slips(number), number).toBe(1)
        if (outcome === 'failed') expect(slips(number), number).toBe(0)
        expect(slips(number)).toBeLessThanOrEqual(1)
      }
      expect(new Set(outcomes.values())).toContain('unknown')
    }
  })
})

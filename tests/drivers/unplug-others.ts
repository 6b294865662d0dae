/** Readers, printers, PIN pads and panels on the wall with their cable pulled. */
import { expect } from 'vitest'
import { MdcDisplayModel, PjlinkDisplayModel } from '../../firmware-sim/models/hall-display.ts'
import { IdCardReaderModel } from '../../firmware-sim/models/id-card-reader.ts'
import { PinPadModel } from '../../firmware-sim/models/pin-pad.ts'
import { ServicePasswordPadModel } from '../../firmware-sim/models/service-password-pad.ts'
import { TicketPrinterModel } from '../../firmware-sim/models/ticket-printer.ts'
import { createHallDisplay } from '../../gateway/drivers/display-driver.ts'
import { createPinPad } from '../../gateway/drivers/pin-pad-driver.ts'
import { createPrinter } from '../../gateway/drivers/printer-driver.ts'
import { createReader } from '../../gateway/drivers/reader-driver.ts'
import { createServicePasswordPad } from '../../gateway/drivers/service-password-driver.ts'
import { type Scenario, settle } from './unplug-bench.ts'
import { pass, reach, seeded } from './virtual.ts'

export const otherScenarios: Record<string, Scenario> = {
  'ID-card reader': {
    type: 'id_card_reader',
    stride: 23,
    make(pace) {
      const model = new IdCardReaderModel()
      const names: string[] = []
      let reader: ReturnType<typeof createReader>
      const text = (name: string) => ({
        kind: 'permit' as const,
        ...{ name, sex: '2', birth: '19900101', address: '广东省深圳市测试路3号' },
        ...{ number: '810000199001010019', issuer: '深圳市公安局', valid_from: '20200101' },
        ...{ valid_to: '20250101', pass_number: 'H12345678', issue_count: '01', reserved: '' },
      })
      return {
        model,
        drive: (parts) => {
          const handlers = {
            onCard: (card: { text: { name: string } }) => void names.push(card.text.name),
          }
          reader = createReader('reader', parts, { handlers })
          return reader
        },
        async use() {
          model.placeCard({ text: text('陈大文') })
          await reach(pace, 20_000, () => names.length === 1)
          await settle(pace, reader.read())
          reader.forget()
          await pass(pace, 500)
        },
        async check() {
          expect(names).toEqual(['陈大文'])
          model.removeCard()
          await pass(pace, 5000)
          model.placeCard({ text: text('黄小明') })
          await reach(pace, 20_000, () => names.length === 2)
          expect(names[1]).toBe('黄小明')
        },
      }
    },
  },
  'ticket printer': {
    type: 'ticket_printer',
    stride: 5,
    make(pace) {
      const model = new TicketPrinterModel()
      let whole = 0
      model.onTicket = (ticket) => {
        if (ticket.whole) whole += 1
      }
      let printer: ReturnType<typeof createPrinter>
      const job = (number: string) => ({
        hall: { zh: '营业厅', en: 'Hall' },
        service: { zh: '业务', en: 'Service' },
        ...{ number, people_ahead: 1, wait_min: null, counters: [], time: '09:00' },
        ...{ rules: null, lines: null, reprint: false, qr: 'id-1' },
      })
      const print = async (number: string) => {
        const before = whole
        const outcome = await settle(pace, printer.print(job(number)))
        await pass(pace, 5000)
        expect(whole - before).toBeLessThanOrEqual(1)
        if (outcome === 'printed') expect(whole - before).toBe(1)
        if (outcome === 'failed') expect(whole - before).toBe(0)
        return outcome
      }
      return {
        model,
        drive: (parts) => {
          printer = createPrinter('printer', parts)
          return printer
        },
        use: async () => void (await print('A001')),
        async check() {
          const before = whole
          await pass(pace, 20_000)
          expect(whole, 'nothing by itself').toBe(before)
          expect(await print('A002')).toBe('printed')
        },
      }
    },
  },
  'PIN pad': {
    type: 'pin_pad',
    make(pace) {
      const model = new PinPadModel()
      let pad: ReturnType<typeof createPinPad>
      const request = { account: '6222020200012345678', digits: 6, content_hash: 'c0ffee' }
      const types = () => {
        model.onPrompt = () => void pace.after(20, 'types', () => model.type('135790'))
      }
      return {
        model,
        drive: (parts) => {
          pad = createPinPad('pin', parts)
          return pad
        },
        async use() {
          await pace.run(2000, () => pad.view().state === 'online')
          types()
          await settle(pace, pad.prompt(request))
          model.onPrompt = null
          await pace.run(2000, () => pad.view().state === 'online')
          const open = pad.prompt(request)
          await pass(pace, 100)
          pad.cancel()
          expect((await settle(pace, open)).outcome).not.toBe('entered')
        },
        async check() {
          await reach(pace, 20_000, () => !model.waiting)
          types()
          expect((await settle(pace, pad.prompt(request))).outcome).toBe('entered')
          expect(model.waiting).toBe(false)
        },
      }
    },
  },
  'service-password pad': {
    type: 'service_password_pad',
    make(pace) {
      const model = new ServicePasswordPadModel()
      let pad: ReturnType<typeof createServicePasswordPad>
      let sealed = 0
      const seal = async () => {
        sealed += 1
        return 'sealed'
      }
      const request = { account: '1', digits: 6, content_hash: 'c0ffee', seal }
      return {
        model,
        drive: (parts) => {
          pad = createServicePasswordPad('pw', parts, { options: { clear_digits: 'accepted' } })
          return pad
        },
        async use() {
          await pace.run(2000, () => pad.view().state === 'online')
          const asked = pad.promptPin(request)
          pace.after(20, 'types', () => model.type('135790'))
          const { outcome } = await settle(pace, asked)
          expect(sealed).toBe(outcome === 'entered' ? 1 : 0)
        },
        async check() {
          const before = sealed
          model.type('111111')
          await pass(pace, 100)
          expect(sealed, 'not listened to by itself').toBe(before)
          const asked = pad.promptPin(request)
          await pass(pace, 50)
          model.type('246802')
          expect((await settle(pace, asked)).outcome).toBe('entered')
          expect(sealed).toBe(before + 1)
        },
      }
    },
  },
  ...Object.fromEntries(
    (['pjlink', 'mdc'] as const).map((protocol): [string, Scenario] => [
      `hall display (${protocol})`,
      {
        type: 'hall_display',
        stride: 3,
        make(pace) {
          const random = seeded(3)
          const model =
            protocol === 'pjlink'
              ? new PjlinkDisplayModel({ pace, random, warm_ms: 300, password: 'open', class: 2 })
              : new MdcDisplayModel({ pace, random, id: 1, warm_ms: 300 })
          let display: ReturnType<typeof createHallDisplay>
          const wish = (power: 'on' | 'off') => ({ power, input: null })
          return {
            model,
            drive: (parts) => {
              const password = protocol === 'pjlink' ? { password: 'open' } : {}
              display = createHallDisplay('wall', parts, { options: { protocol, ...password } })
              return display
            },
            async use() {
              await settle(pace, display.want(wish('on')))
              await pass(pace, 2000)
            },
            async check() {
              await reach(pace, 60_000, () => model.panel.power === 'on')
              await reach(pace, 60_000, () => display.condition().power === 'on')
              await settle(pace, display.want(wish('off')))
              await reach(pace, 60_000, () => model.panel.power === 'off')
            },
          }
        },
      },
    ]),
  ),
}

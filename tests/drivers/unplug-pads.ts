/** Pads, panels, displays and raters with their cable pulled. */
import { expect } from 'vitest'
import { ff68Pad } from '#devices/types/ff68-pad.ts'
import { ff68Rater } from '#devices/types/ff68-rater.ts'
import { createCallPadModel } from '../../firmware-sim/models/call-pad.ts'
import { createCounterDisplayModel } from '../../firmware-sim/models/counter-display.ts'
import { Ff68PadModel } from '../../firmware-sim/models/ff68-pad.ts'
import { Ff68RaterModel } from '../../firmware-sim/models/ff68-rater.ts'
import { createRatingPadModel } from '../../firmware-sim/models/rating-pad.ts'
import type { RegisterUnitModel } from '../../firmware-sim/models/register-unit.ts'
import { createTicketPanelModel } from '../../firmware-sim/models/ticket-panel.ts'
import { createFf68Pad, createFf68Rater } from '../../gateway/drivers/ff68-driver.ts'
import { createRatingPad, type Rating } from '../../gateway/drivers/rater-driver.ts'
import {
  createCallPad,
  createCounterDisplay,
  createTicketPanel,
} from '../../gateway/drivers/unit-driver.ts'
import { bookOf, type Scenario, settle } from './unplug-bench.ts'
import { pass, reach, seeded } from './virtual.ts'

function shownOn(model: RegisterUnitModel): string {
  return model.displayed.mode === 'number' ? model.displayed.number : model.displayed.mode
}

export const padScenarios: Record<string, Scenario> = {
  'call pad': {
    type: 'call_pad',
    make(pace) {
      const model = createCallPadModel(seeded(1), { serial: 'PAD' })
      const { boot } = model
      const { kept, record, once } = bookOf(pace)
      let told: PromiseSettledResult<unknown>[] = []
      let wanted = 'A001'
      let pad: ReturnType<typeof createCallPad>
      return {
        model,
        drive: (parts) => {
          const handlers = { onPress: record }
          pad = createCallPad('pad', parts, { handlers, wanted: () => wanted })
          return pad
        },
        async use() {
          const presses = Promise.allSettled([
            model.press('next'),
            model.press('call', 0, 'B7'),
            model.press('done'),
          ])
          await pass(pace, 120)
          wanted = 'A002'
          pad.show(wanted)
          told = await settle(pace, presses)
        },
        losePower: () => model.powerUp(),
        async check() {
          await reach(pace, 20_000, () => shownOn(model) === 'A002')
          const green = told.filter(({ status }) => status === 'fulfilled').length
          expect(kept.length).toBeGreaterThanOrEqual(green)
          // Without a power loss nobody goes without an answer.
          if (model.boot === boot) expect([green, kept.length]).toEqual([3, 3])
          expect((await settle(pace, model.press('recall'))).outcome).toBe('recorded')
          once()
        },
      }
    },
  },
  'ticket panel': {
    type: 'ticket_panel',
    make(pace) {
      const model = createTicketPanelModel(seeded(1), { serial: 'PANEL' })
      const { kept, record, once } = bookOf(pace)
      return {
        model,
        drive: (parts) => createTicketPanel('panel', parts, { handlers: { onPress: record } }),
        async use() {
          await settle(pace, Promise.all([model.press('ticket', 1), model.press('ticket', 2)]))
        },
        async check() {
          await settle(pace, model.press('ticket', 3))
          expect(kept).toHaveLength(3)
          once()
        },
      }
    },
  },
  'counter display': {
    type: 'counter_display',
    make(pace) {
      const model = createCounterDisplayModel(seeded(1), { serial: 'SHOW' })
      let display: ReturnType<typeof createCounterDisplay>
      return {
        model,
        drive: (parts) => {
          display = createCounterDisplay('show', parts)
          return display
        },
        async use() {
          for (const showing of ['A001', 'paused', 'blank', 'B305']) {
            display.show(showing)
            await pass(pace, 150)
          }
        },
        losePower: () => model.powerUp(),
        async check() {
          await reach(pace, 20_000, () => shownOn(model) === 'B305')
          display.show('paused')
          await reach(pace, 2000, () => shownOn(model) === 'paused')
        },
      }
    },
  },
  'rating pad': {
    type: 'rating_pad',
    make(pace) {
      const model = createRatingPadModel(seeded(1), { serial: 'RATER', pace })
      const { boot } = model
      const { kept, record, once } = bookOf<Rating>(pace)
      let pad: ReturnType<typeof createRatingPad>
      const isAsking = () => model.prompted.mode === 'asking'
      return {
        model,
        drive: (parts) => {
          pad = createRatingPad('rater', parts, { handlers: { onRating: record } })
          return pad
        },
        async use() {
          await pace.run(1000, () => pad.view().state === 'online')
          const first = pad.ask('visit-1')
          await pace.run(1000, isAsking)
          const pressed = Promise.allSettled([model.rate(2), model.rate(5)])
          const end = await settle(pace, first)
          await settle(pace, pressed)
          // Whoever was told that the visit was rated finds it so; nobody rated it twice.
          const rated = kept.filter(({ visit }) => visit === 'visit-1')
          if (end === 'rated') expect(rated).toHaveLength(1)
          expect(rated.length).toBeLessThanOrEqual(1)
          const second = pad.ask('visit-2')
          await pass(pace, 100)
          pad.idle()
          expect(['no_rating', 'not_connected']).toContain(await settle(pace, second))
        },
        losePower: () => model.powerUp(),
        async check() {
          await reach(pace, 20_000, () => !isAsking())
          const before = kept.length
          if (model.boot === boot) expect(kept.map(({ key }) => key)).toEqual([2, 5])
          const asked = pad.ask('visit-3')
          await reach(pace, 2000, isAsking)
          await settle(pace, model.rate(1))
          expect(await settle(pace, asked)).toBe('rated')
          expect(kept[before]).toMatchObject({ visit: 'visit-3', key: 1, score: 5 })
          once()
        },
      }
    },
  },
  'FF 68 pad': {
    type: 'ff68_pad',
    // Away for less than its guard window: presses that cannot be numbered are known no longer.
    away_ms: 200,
    make(pace, slack = 1) {
      const model = new Ff68PadModel({ pace })
      const { kept, record, once } = bookOf(pace)
      let wanted = 'A012'
      let dark = false
      let pad: ReturnType<typeof createFf68Pad>
      return {
        model,
        drive: (parts) => {
          const handlers = { onPress: record, onOther: record }
          const options = { guard_ms: ff68Pad.defaults.guard_ms * slack }
          pad = createFf68Pad('pad', parts, { handlers, wanted: () => wanted, options })
          return pad
        },
        async use() {
          await pace.run(2000, () => pad.view().state === 'online')
          const presses = Promise.allSettled([
            model.press('next'),
            model.press('no_show'),
            model.press('pause'),
          ])
          await pass(pace, 50)
          wanted = 'A013'
          pad.show(wanted)
          pad.showWaiting(7)
          void pad.beep()
          await settle(pace, presses)
        },
        losePower() {
          dark = true
          model.powerUp()
        },
        async check() {
          await reach(pace, 60_000, () => model.shown.ticket === '013' && model.shown.waiting === 7)
          if (!dark) expect(kept).toHaveLength(3)
          const before = kept.length
          await settle(pace, model.press('recall'))
          expect(kept).toHaveLength(before + 1)
          once()
        },
      }
    },
  },
  'FF 68 rater': {
    type: 'ff68_rater',
    away_ms: 200,
    make(pace, slack = 1) {
      const model = new Ff68RaterModel({ pace })
      const { kept, record, once } = bookOf<Rating>(pace)
      let pad: ReturnType<typeof createFf68Rater>
      return {
        model,
        drive: (parts) => {
          const options = { guard_ms: ff68Rater.defaults.guard_ms * slack }
          pad = createFf68Rater('rater', parts, { handlers: { onRating: record }, options })
          return pad
        },
        async use() {
          await pace.run(2000, () => pad.view().state === 'online')
          const asked = pad.ask('visit-1')
          await settle(pace, Promise.all([model.rate(2), model.rate(4)]))
          await settle(pace, asked)
        },
        async check() {
          expect(kept.map(({ key }) => key)).toEqual([2, 4])
          expect(kept.filter(({ visit }) => visit !== null).length).toBeLessThanOrEqual(1)
          await pass(pace, 5000)
          const asked = pad.ask('visit-2')
          await settle(pace, model.rate(1))
          expect(await settle(pace, asked)).toBe('rated')
          expect(kept[2]).toMatchObject({ visit: 'visit-2', score: 5 })
          once()
        },
      }
    },
  },
}

/**
 * A kiosk service in its place on the floor: its state, its paper, and, where the configuration says
 * `tickets`, the hall's tickets on its printer. What its readers read off bank cards is for whoever
 * asks the driver, never for the hall's log.
 *
 * A print is taken as `likely` on the service's word alone (assumed); what was under way when the
 * link went is `unknown`.
 */
import type { Delivery } from '#devices/contract/record.ts'
import type { PrintJob } from '#devices/types/ticket-template.ts'
import type { XfsOptions, XfsResult } from '#devices/types/xfs4iot.ts'
import type { Consumables, Kind } from '../floor/placed.ts'
import { Glyphs } from '../printing/glyphs.ts'
import { paperBytes } from '../printing/paper.ts'
import { createXfsDevice, type XfsDevice } from './xfs-driver.ts'

/** Tickets that wait for the one before; more are not printed. */
const waiting_most = 16

export const xfs4iotKind: Kind = ({ config, driver, hall }) => {
  const options = config.options as Partial<XfsOptions>
  const handlers = { onState: hall.changed, onStatus: hall.changed }
  const device = createXfsDevice(config.device, driver, { handlers, options })
  const glyphs = new Glyphs()
  return {
    start: () => device.start(),
    view: () => device.view(),
    attend: (open) => device.attention(open),
    consumables: () => paperOf(device),
    ...(options.tickets === true ? { print: oneByOne((job) => printOn(device, job, glyphs)) } : {}),
    async [Symbol.asyncDispose]() {
      await device[Symbol.asyncDispose]()
      await glyphs[Symbol.asyncDispose]()
    },
  }
}

function paperOf(device: XfsDevice): Consumables {
  const levels = { full: 'ok', low: 'low', out: 'out' } as const
  const known = Object.entries(device.status().paper).flatMap(([supply, level]) =>
    Object.hasOwn(levels, level)
      ? [[`paper_${supply}`, levels[level as keyof typeof levels]] as const]
      : [],
  )
  return Object.fromEntries(known)
}

async function printOn(device: XfsDevice, job: PrintJob, glyphs: Glyphs): Promise<Delivery> {
  const bytes = await paperBytes(job, 'gb18030', glyphs)
  const result = await device.print(bytes).catch((): XfsResult => ({ outcome: 'not_connected' }))
  switch (result.outcome) {
    case 'done':
      return 'likely'
    case 'lost':
    case 'timed_out':
    case 'canceled':
      return 'unknown'
    default:
      return 'failed'
  }
}

/** The service takes one job at a time. */
function oneByOne(print: (job: PrintJob) => Promise<Delivery>) {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  return async (job: PrintJob): Promise<Delivery> => {
    if (waiting >= waiting_most) return 'failed'
    waiting += 1
    const mine = last.then(() => print(job))
    last = mine.catch(() => {})
    try {
      return await mine
    } finally {
      waiting -= 1
    }
  }
}

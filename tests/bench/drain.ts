/**
 * A hall that was cut off for long: a gateway with a hundred thousand records on disk ships them to
 * a controller until none is unbooked. Beside it the memory of both, at rest and meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { startController } from './controller.ts'
import { type Figure, figure, type Progress } from './figure.ts'
import { folderWithBacklog, startGateway } from './gateway.ts'
import { cpuBetween, cpuOf, memoryOf } from './proc.ts'

const BACKLOG = 100_000
const REST_MS = 8_000
const LOOK_MS = 20

export async function drain(progress: Progress): Promise<Figure[]> {
  await using controller = await startController()
  const at_rest = await startGateway(controller, {
    hall: 'quiet',
    folder: await folderWithBacklog('quiet', 0),
  })
  await sleep(REST_MS)
  const rest = { gateway: await memoryOf(at_rest.pid), controller: await memoryOf(controller.pid) }
  await at_rest[Symbol.asyncDispose]()
  progress(`drain: writing a backlog of ${BACKLOG} records`)
  const folder = await folderWithBacklog('cut-off', BACKLOG)
  const db = new pg.Client({ connectionString: await controller.database_url() })
  await db.connect()
  const watching = watch(db, 'cut-off')
  progress('drain: the gateway starts')
  const before = await controller.cpu()
  await using gateway = await startGateway(controller, { hall: 'cut-off', folder })
  const booked = await watching
  while ((await gateway.unbooked()) > 0) await sleep(LOOK_MS)
  const after = await controller.cpu()
  const own = await cpuOf([gateway.pid])
  const load = { gateway: await memoryOf(gateway.pid), controller: await memoryOf(controller.pid) }
  await db.end()
  const us = (cpu_s: number) => (cpu_s / BACKLOG) * 1e6
  const memory = (name: string, value: number, bar: number | null) =>
    figure({ name: `memory: ${name}`, value, unit: 'MB', bar })
  return [
    figure({ name: 'drain of 100 000 records', value: booked.records_a_s, unit: 'records/s' }),
    figure({
      name: 'drain: processor, gateway with its start',
      ...{ value: us(own.user_s + own.system_s), unit: 'us/record' },
    }),
    figure({
      name: 'drain: processor, controller',
      ...{ value: us(cpuBetween(before.controller, after.controller)), unit: 'us/record' },
    }),
    figure({
      name: 'drain: processor, database',
      ...{ value: us(cpuBetween(before.database, after.database)), unit: 'us/record' },
    }),
    memory('gateway at rest', rest.gateway.now_mb, 80),
    memory('gateway at rest, without the pages of its program file', rest.gateway.own_mb, null),
    memory('gateway, highest while draining', load.gateway.most_mb, null),
    memory('controller at rest', rest.controller.now_mb, null),
    memory('controller, highest while draining', load.controller.most_mb, null),
  ]
}

/** From the first records of the hall that are booked to the last. */
async function watch(db: pg.Client, hall: string): Promise<{ records_a_s: number }> {
  let first: { at: number; records: number } | null = null
  for (;;) {
    const text = 'select records::int as n from hall_cursor where hall = $1'
    const { rows } = await db.query({ name: 'look', text, values: [hall] })
    const records: number = rows[0]?.n ?? 0
    const at = performance.now()
    if (records > 0) first ??= { at, records }
    if (first !== null && records >= BACKLOG)
      return { records_a_s: ((records - first.records) / (at - first.at)) * 1_000 }
    await sleep(LOOK_MS)
  }
}

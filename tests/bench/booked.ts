/**
 * Booked records a second: fifty halls over MQTT into a real controller with its embedded broker and
 * database and every projection, against the bare database and the same bytes. Both are measured in
 * turns and the best of three counts, since others may use the machine meanwhile. The bare database
 * is given commits of the intake's own size, and again larger ones than the intake ever makes.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type Bare, LARGE_COMMIT_RECORDS, openBaseline } from './baseline.ts'
import { logTexts } from './batches.ts'
import { type Controller, startController } from './controller.ts'
import { type Figure, figure, type Progress } from './figure.ts'
import type { Job, Told } from './load-child.ts'
import { cpuBetween } from './proc.ts'

const HALLS = 50
/**
 * Eight batches a hall to warm up, as a controller runs for months and its code is compiled within the
 * first half million records; then plain once and three times as gateways send: gzipped.
 */
const PHASES = [
  { gzipped: true, batches: 8 },
  { gzipped: false, batches: 4 },
  { gzipped: true, batches: 4 },
  { gzipped: true, batches: 4 },
  { gzipped: true, batches: 4 },
]
const BARE_RECORDS = HALLS * 4 * 1_000
const LOGS = 4

export async function bookedRecords(progress: Progress): Promise<Figure[]> {
  await using controller = await startController()
  progress(`booked: enrolling ${HALLS} halls`)
  const halls = []
  for (let i = 0; i < HALLS; i++) halls.push(await controller.enrolHall(`hall-${i + 1}`))
  const load = await startLoad({ url: controller.mqtt_url, halls, phases: PHASES, logs: LOGS })
  progress(`booked: ${HALLS} halls with ${load.records} records each are ready`)
  const baseline = await openBaseline(await controller.database_url(), controller)
  const texts = logTexts(LOGS, BARE_RECORDS / LOGS).flat()
  const records = texts.map((text) => Buffer.from(text))
  const bare: Bare[] = []
  const phases: Phase[] = []
  for (const { gzipped } of PHASES) {
    const before = await baseline.commits()
    const phase = await runPhase(controller, load, gzipped)
    phases.push(phase)
    const own_commit = Math.round(phase.records / ((await baseline.commits()) - before))
    const speed = `${Math.round(phase.records_a_s)} records/s, ${own_commit} a commit`
    progress(`booked: ${gzipped ? 'gzip' : 'plain'} ${speed}`)
    if (phases.length >= 3) bare.push(...(await baseline.all(records, own_commit)))
  }
  await baseline.close()
  load.end()
  return figures(phases.slice(1), bare)
}

type Phase = {
  gzipped: boolean
  records_a_s: number
  records: number
  wire_bytes: number
  cpu: { controller: number; database: number; load: number }
}
type Load = { records: number; phase(): Promise<Extract<Told, { type: 'done' }>>; end(): void }

async function startLoad(job: Job): Promise<Load> {
  const child = fork(join(import.meta.dirname, 'load-child.ts'))
  const next = async () => {
    const gone = once(child, 'exit').then(([code]) => {
      throw new Error(`the load ended with ${code}`)
    })
    const [told] = (await Promise.race([once(child, 'message'), gone])) as [Told]
    return told
  }
  child.send(job)
  const ready = await next()
  return {
    records: ready.records,
    async phase() {
      child.send('go')
      return (await next()) as Extract<Told, { type: 'done' }>
    },
    end: () => child.disconnect(),
  }
}

async function runPhase(controller: Controller, load: Load, gzipped: boolean): Promise<Phase> {
  const before = await controller.cpu()
  const { records, wall_ms, cpu_s, wire_bytes } = await load.phase()
  const after = await controller.cpu()
  return {
    ...{ gzipped, records, wire_bytes, records_a_s: (records / wall_ms) * 1_000 },
    cpu: {
      controller: cpuBetween(before.controller, after.controller),
      database: cpuBetween(before.database, after.database),
      load: cpu_s,
    },
  }
}

const fastest = <T extends { records_a_s: number }>(all: readonly T[]): T =>
  all.reduce((best, one) => (one.records_a_s > best.records_a_s ? one : best))

function figures(phases: readonly Phase[], bare: readonly Bare[]): Figure[] {
  const best = fastest(phases.filter((phase) => phase.gzipped))
  const plain = fastest(phases.filter((phase) => !phase.gzipped))
  const isLarge = (one: Bare) => one.commit_records === LARGE_COMMIT_RECORDS
  const bareBest = (large: boolean, prepared: boolean) =>
    fastest(bare.filter((one) => isLarge(one) === large && one.prepared === prepared))
  const against = [
    { what: 'bare commits of as many records', bare: bareBest(false, false) },
    { what: 'bare commits of many records', bare: bareBest(true, false) },
    { what: 'the same, prepared: the server alone', bare: bareBest(false, true) },
    { what: 'many, prepared: the server alone', bare: bareBest(true, true) },
  ]
  const unit = 'records/s'
  const value = best.records_a_s
  const parts = ['controller', 'database', 'load'] as const
  const us = (seconds: number) => (seconds / best.records) * 1e6
  return [
    ...against.map(({ what, bare: { commit_records, way, records_a_s } }) =>
      figure({
        name: `booked, over ${what} (${commit_records}, ${way})`,
        ...{ value, unit, against: records_a_s, bar: 0.2 },
      }),
    ),
    figure({ name: 'booked, sent plain', value: plain.records_a_s, unit, against: value }),
    ...parts.map((part) =>
      figure({ name: `booked: processor, ${part}`, value: us(best.cpu[part]), unit: 'us/record' }),
    ),
    figure({
      name: 'booked: processor, all of it over bare inserts',
      value: parts.reduce((sum, part) => sum + us(best.cpu[part]), 0),
      ...{ unit: 'us/record', against: Math.min(...bare.map((one) => one.cpu_us)) },
    }),
    figure({
      name: 'booked: on the wire',
      value: best.wire_bytes / best.records,
      ...{ unit: 'bytes/record', against: plain.wire_bytes / plain.records },
    }),
  ]
}

/** A thousand halls that connect at once, as after a power cut: until each has its receipt. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { startController } from './controller.ts'
import { type Figure, figure, type Progress, percentile } from './figure.ts'
import { cpuBetween, memoryOf } from './proc.ts'
import type { Calm, Storm } from './storm-child.ts'

const HALLS = 1_000
const ENROL_AT_A_TIME = 8

export async function storm(progress: Progress): Promise<Figure[]> {
  await using controller = await startController()
  progress(`storm: enrolling ${HALLS} halls`)
  const names = Array.from({ length: HALLS }, (_, i) => `hall-${i + 1}`)
  const halls: Storm['halls'] = []
  while (names.length > 0) {
    const some = names.splice(0, ENROL_AT_A_TIME)
    halls.push(...(await Promise.all(some.map((hall) => controller.enrolHall(hall)))))
  }
  progress('storm: all connect')
  const child = fork(join(import.meta.dirname, 'storm-child.ts'))
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`the halls ended with ${code}`)
  })
  const before = await controller.cpu()
  child.send({ url: controller.mqtt_url, halls } satisfies Storm)
  const [calm] = (await Promise.race([once(child, 'message'), gone])) as [Calm]
  const after = await controller.cpu()
  const { most_mb } = await memoryOf(controller.pid)
  const ended = gone.catch(() => {})
  child.disconnect()
  await ended
  const name = '1 000 halls at once'
  return [
    figure({ name: `${name}: until all have a receipt`, value: most(calm.waits_ms), unit: 'ms' }),
    figure({ name: `${name}: p50`, value: percentile(calm.waits_ms, 0.5), unit: 'ms' }),
    figure({ name: `${name}: births said`, value: calm.births, unit: 'births', against: HALLS }),
    ...[
      ['controller', cpuBetween(before.controller, after.controller)] as const,
      ['database', cpuBetween(before.database, after.database)] as const,
      ['halls', calm.cpu_s] as const,
    ].map(([part, value]) => figure({ name: `${name}: processor, ${part}`, value, unit: 's' })),
    figure({ name: `memory: controller, highest with 1 000 halls`, value: most_mb, unit: 'MB' }),
  ]
}

const most = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), 0)

/**
 * Every simulated device type, found by folder: each file of `models/` that exports a `sim` is one.
 * Faults of the line are the same for all and listed here; those of a device are its kind's own.
 */
import { readdir } from 'node:fs/promises'
import { assert } from '#devices/std/assert.ts'
import type { Pace } from '#devices/std/clock.ts'
import type { Random } from '#devices/std/random.ts'
import type { Bilingual, SimDevice, SimKind } from './sim-kind.ts'

export const lineFaults: Readonly<Record<string, Bilingual>> = {
  split: { zh: '一段数据断成两截', en: 'cut a piece in two somewhere' },
  noise: { zh: '一段数据前多出一到八个杂字节', en: 'one to eight stray bytes in front of a piece' },
  corrupt: { zh: '一段数据里错一个字节', en: 'one byte of a piece changed' },
  delay: { zh: '一段数据最多晚 delay_ms 毫秒', en: 'a piece up to delay_ms late' },
  unplug: {
    zh: '传到一半拔线，随即插回',
    en: 'the cable is pulled in the middle of a piece and plugged in again',
  },
}

export type SimKinds = ReadonlyMap<string, SimKind>

/** Reads `firmware-sim/models`. Two files for one type are a mistake of ours. */
export async function loadKinds(): Promise<SimKinds> {
  const folder = new URL('models/', import.meta.url)
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts')).sort()
  const kinds = new Map<string, SimKind>()
  for (const file of files) {
    const { sim } = (await import(new URL(file, folder).href)) as { sim?: SimKind }
    if (sim === undefined) continue
    assert(!kinds.has(sim.type), `one model file for ${sim.type}`)
    kinds.set(sim.type, sim)
  }
  return kinds
}

export type MakeOptions = {
  serial?: string
  /** Probabilities by the names the kind lists. */
  faults?: Readonly<Record<string, number>>
  settings?: Readonly<Record<string, string>>
}

export function makeDevice(
  kind: SimKind,
  { pace, random }: { pace: Pace; random: Random },
  options: MakeOptions = {},
): SimDevice {
  const { serial = 'SIM1', faults = {}, settings = {} } = options
  const wrong = (fault: string) => {
    assert(Object.hasOwn(kind.faults ?? {}, fault), `${kind.type} lists its fault ${fault}`)
    return random() < (faults[fault] ?? 0)
  }
  return kind.make({ pace, random, serial, wrong, settings })
}

/** A device type is four files and a line: this finds the ones that are missing. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { deviceTypes } from '#devices/types/index.ts'
import type { DeviceType } from '#devices/types/machine.ts'
import { checkOptions } from '#devices/types/options.ts'
import { knownDeviceTypes } from '../../gateway/drivers/known-types.ts'

const root = new URL('../../', import.meta.url)
const types: readonly Pick<
  DeviceType<never, never, never, never, never, object>,
  'name' | 'defaults' | 'rules' | 'title'
>[] = Object.values(deviceTypes)

describe('the registry of device types', () => {
  it('has every type under its own name, with its far end and its golden bytes', () => {
    for (const [name, type] of Object.entries(deviceTypes)) {
      const file = name.replaceAll('_', '-')
      expect(type.name).toBe(name)
      expect(type.title.zh).toMatch(/\p{Script=Han}/u)
      expect(existsSync(new URL(`devices/types/${file}.ts`, root)), file).toBe(true)
      expect(existsSync(new URL(`firmware-sim/models/${file}.ts`, root)), file).toBe(true)
      expect(existsSync(new URL(`tests/golden/${file}.json`, root)), file).toBe(true)
    }
  })

  it('misses no file that defines a type', () => {
    const folder = new URL('devices/types/', root)
    const registry = readFileSync(new URL('index.ts', folder), 'utf8')
    const defining = readdirSync(folder).filter((file) => {
      const text = readFileSync(new URL(file, folder), 'utf8')
      return /^export const \w+(: DeviceType<| = registerUnit\()/m.test(text)
    })
    expect(defining.length).toBe(Object.keys(deviceTypes).length)
    for (const file of defining) expect(registry).toContain(`'./${file}'`)
  })

  it('gives every option a default within its own range', () => {
    for (const { name, defaults, rules } of types) {
      expect(Object.keys(rules).sort(), name).toEqual(Object.keys(defaults).sort())
      expect(checkOptions(rules, { ...defaults }), name).toEqual([])
    }
  })

  it('names every bad option at once', () => {
    const check = knownDeviceTypes.get('call_pad')!.check
    expect(check({ unit: 248, poll_ms: 1.5, serial: '号', colour: 'red', reply_ms: 10 })).toEqual([
      { path: 'unit', problem: 'must be a whole number from 1 to 247' },
      { path: 'poll_ms', problem: 'must be a whole number from 1 to 600000' },
      { path: 'serial', problem: 'must be 1 to 16 ASCII characters or null' },
      { path: 'colour', problem: 'no such option of this type' },
    ])
    const keys = knownDeviceTypes.get('rating_pad')!.check
    for (const good of [
      [5, 3, 1],
      [5, 4, 2, 1],
      [5, 4, 3, 2, 1],
    ]) {
      expect(keys({ keys: good })).toEqual([])
    }
    for (const bad of [[5, 1], [6, 3, 1], [5, 4, 3, 2, 1, 1], '5 3 1', [5, 3.5, 1], { 0: 5 }]) {
      expect(keys({ keys: bad })).toEqual([
        { path: 'keys', problem: 'must be 3 to 5 whole numbers from 1 to 5' },
      ])
    }
    expect(check(JSON.parse('{"__proto__":1}'))).toHaveLength(1)
    expect(knownDeviceTypes.get('id_card_reader')!.carries_cards).toBe(true)
  })
})

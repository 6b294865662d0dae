/** Pages made from code say what the code says. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { measurements } from '#devices/contract/telemetry.ts'
import { deviceTypes } from '#devices/types/index.ts'
import { devicesPage, telemetryPage } from '../../docs/make.ts'

const page = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
const advice = 'stale: run node docs/make.ts'

it('the telemetry catalogue is as it stands', () => {
  expect(page('telemetry.md'), advice).toBe(telemetryPage())
  for (const { fields } of Object.values(measurements)) {
    for (const field of Object.keys(fields)) expect(page('telemetry.md')).toContain(`\`${field}\``)
  }
})

it('the device types are as they stand, each with its options and what is assumed', async () => {
  expect(page('devices.md'), advice).toBe(await devicesPage())
  for (const type of Object.values(deviceTypes)) {
    const own = page('devices.md').split(`\n## ${type.name}\n`)[1]!.split('\n## ')[0]!
    for (const option of Object.keys(type.rules)) expect(own).toContain(`\`${option}\``)
    for (const { zh } of type.assumptions ?? []) expect(own).toContain(zh.replaceAll('|', '\\|'))
  }
})

it('every row of a table has as many cells as its head', async () => {
  for (const text of [telemetryPage(), await devicesPage()]) {
    const tables = text.split('\n\n').filter((part) => part.startsWith('|'))
    expect(tables.length).toBeGreaterThan(4)
    for (const rows of tables) {
      const cells = rows
        .trim()
        .split('\n')
        .map((row) => row.split(/(?<!\\)\|/).length)
      expect(new Set(cells).size, rows).toBe(1)
    }
  }
})

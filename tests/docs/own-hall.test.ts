/** "A hall of your own" in the README, and the examples of the local API's page, as they are written. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { HallRules } from '../../devices/contract/hall-rules.ts'
import { checkConfig } from '../../gateway/config.ts'
import { knownDeviceTypes } from '../../gateway/drivers/known-types.ts'
import { openForBusiness, openHall, rules } from '../gateway/local-fixture.ts'
import { blocksOf } from './page.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
/** Steps of a list are indented. */
const section = read('README.md')
  .split('\n## A hall of your own\n')[1]!
  .split('\n## ')[0]!
  .replaceAll(/^ {3}/gm, '')

function hallMade(): { hall: string; rules: unknown } {
  const curl = blocksOf(section).find(({ language }) => language === 'sh')!.body
  return JSON.parse(/-d '(.*)'$/s.exec(curl)![1]!) as { hall: string; rules: unknown }
}

it('makes a hall with rules that a controller takes', () => {
  expect(HallRules.safeParse(hallMade().rules).error).toBeUndefined()
})

it('configures a gateway whose page somebody can open', () => {
  const { body } = blocksOf(section).find(({ language }) => language === 'json')!
  const checked = checkConfig(body, knownDeviceTypes)
  expect(checked).toMatchObject({ ok: true })
  const roles = checked.ok ? checked.config.local.tokens.map(({ role }) => role) : []
  expect(roles).toContain('installer')
})

it('asks for a service that this hall has, and is answered in the members that are shown', async () => {
  const [request, answer] = blocksOf(read('docs/local-api.md'))
    .find(({ language }) => language === 'json')!
    .body.split('\n')
    .map((line) => JSON.parse(line))
  const { services } = HallRules.parse(hallMade().rules)
  expect(services.map(({ service }) => service)).toContain(request.body.service)
  await using hall = await openHall({})
  await openForBusiness(hall)
  const body = { service: rules.services[0]!.service }
  const { method, path, key } = request
  const { status, json } = await hall.call('kiosk', method, path, { body, key })
  expect(status).toBe(answer.status)
  // Whether it is booked is told where the hall knows the record's place, which this one does not.
  const { booked, ...rest } = answer.body
  expect(typeof booked).toBe('boolean')
  expect(Object.keys(json as object).sort()).toEqual(Object.keys(rest).sort())
})

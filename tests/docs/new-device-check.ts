/**
 * Run in a copy of the repository that holds the README's example: its golden bytes both
 * ways, and the device on a floor with the real engine. Says what it saw as one line of JSON.
 */
import { deepStrictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { printPoint } from '#devices/contract/telemetry.ts'
import { fromHex, toHex } from '#devices/std/bytes.ts'
import { deviceTypes } from '#devices/types/index.ts'
import type { DeviceType, PlainInput } from '#devices/types/machine.ts'
import { loadKinds, makeDevice } from '../../firmware-sim/types.ts'
import { devicePoints } from '../../gateway/telemetry/points.ts'
import { pace, seeded, until } from '../drivers/helpers.ts'
import { closeFloors, openFloor } from '../gateway/floor-fixture.ts'

type Plain = DeviceType<unknown, unknown, never, PlainInput, never, object>
type Golden = {
  questions: { hex: string }[]
  answers: { hex: string; frame: { boot: string; event: number } }[]
}

const name = 'door_counter'
const type = (deviceTypes as unknown as Record<string, Plain>)[name]!
const file = new URL('../golden/door-counter.json', import.meta.url)
const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden

function bytesBothWays(): void {
  for (const { hex, frame } of golden.answers) {
    deepStrictEqual(type.deframer().push(fromHex(hex)), { frames: [frame], discarded: [] })
    const wrong = fromHex(hex)
    wrong[5]! ^= 0x10
    deepStrictEqual(type.deframer().push(wrong).frames, [])
  }
  const asked: string[] = []
  let state = type.begin(type.defaults)
  const feed = (event: Parameters<Plain['step']>[1]) => {
    const step = type.step(state, event, 0)
    state = step.state
    for (const action of step.actions) if (action.do === 'send') asked.push(toHex(action.bytes))
  }
  const { frame } = golden.answers[1]!
  feed({ type: 'connected' })
  feed({ type: 'frame', frame })
  feed({ type: 'settled', boot: frame.boot, event: frame.event, outcome: 'recorded' })
  feed({ type: 'timer' })
  deepStrictEqual(
    asked,
    golden.questions.map(({ hex }) => toHex(fromHex(hex))),
  )
}

async function onTheFloor() {
  const kinds = await loadKinds()
  const device = makeDevice(kinds.get(name)!, { pace, random: seeded(1) })
  const hand = (name: string) => device.hands?.[name]?.('')
  const hall = await openFloor([
    { device: 'door-1', type: name, counter: '1', model: device.model },
  ])
  const floor = await hall.start()
  const view = () => floor.views()[0]!
  await until(() => view().state === 'online')
  for (const _ of [1, 2, 3]) hand('enter')
  await until(() => view().readings.people_inside_count === 3)
  hand('press')
  await until(() => hall.kinds().includes('ticket.issued'))
  hand('press')
  const tickets = () => hall.kinds().filter((kind) => kind === 'ticket.issued').length
  await until(() => tickets() === 2)
  // Polls go on, and what was taken is not shown again.
  const polls = (view().counters.frames_in ?? 0) + 20
  await until(() => (view().counters.frames_in ?? 0) > polls)
  const { state, readings, counters } = view()
  const telemetry = devicePoints(floor.views(), 1_000).map(printPoint)
  return { state, readings, counters, tickets: tickets(), telemetry }
}

bytesBothWays()
console.log(JSON.stringify(await onTheFloor()))
await closeFloors()

/**
 * ID-card reader: the real driver over a real node against the simulated module. People invented.
 */
import assert from 'node:assert/strict'
import type { Card } from '#devices/types/card.ts'
import type { ResidentText } from '#devices/wire/id-card-text.ts'
import { commandName, createRequestDeframer } from '#devices/wire/sam.ts'
import { IdCardReaderModel } from '../../../firmware-sim/models/id-card-reader.ts'
import type { DeviceModel } from '../../../firmware-sim/models/model.ts'
import { createReader } from '../../../gateway/drivers/reader-driver.ts'
import { partsAt, session } from './parts.ts'
import type { Plug } from './plugs.ts'
import { at, test, until } from './report.ts'
import { type Moment, Tripwire } from './tripwire.ts'

const zhang: ResidentText = {
  kind: 'resident',
  name: '张三',
  sex: '1',
  nation: '01',
  birth: '19491231',
  address: '北京市朝阳区测试路1号',
  number: '11010519491231002X',
  issuer: '北京市公安局朝阳分局',
  valid_from: '20200101',
  valid_to: '长期',
  reserved: '',
}
const options = {
  poll_ms: 5,
  // Nothing is lost by asking again on a machine so slow that an answer is late.
  reply_ms: 5000,
  read_reply_ms: 5000,
  session,
}

/** Every question a reader is asked, in the middle of which a cable can be pulled. */
const moments: readonly (readonly [string, Moment['when']])[] = [
  ['status', 'asked'],
  ['read_id', 'asked'],
  ['read_id', 'answering'],
  ['find', 'asked'],
  ['find', 'answering'],
  ['select', 'asked'],
  ['select', 'answering'],
  ['read', 'asked'],
  ['read', 'answering'],
  ['read_new_address', 'asked'],
  ['read_new_address', 'answering'],
]

export async function testReader(
  where: string,
  plug: Plug,
  wrapped: (model: DeviceModel) => DeviceModel,
): Promise<void> {
  const bench = () => {
    const model = new IdCardReaderModel()
    const wire = new Tripwire(model)
    const names: string[] = []
    const onCard = (card: Card) => void names.push('name' in card.text ? card.text.name : '?')
    const start = () => {
      const reader = createReader('reader', partsAt(plug.at), { handlers: { onCard }, options })
      reader.start()
      return reader
    }
    return { model, wire, names, start, far: wrapped(wire) }
  }

  await test(`${where}: reads a laid card once, and says who it is`, async () => {
    const { model, names, start, far } = bench()
    await using reader = start()
    await plug.plug(far)
    await until(() => reader.view().state === 'online')
    model.placeCard({ text: zhang })
    await until(() => names.length === 1)
    const { frames_in } = reader.view().counters
    await until(() => reader.view().counters.frames_in > frames_in + 4)
    assert.deepEqual(names, ['张三'])
    assert.equal(reader.view().identity, model.sam_id)
    assert.equal(reader.view().counters.bad_checksums, 0)
    await plug.unplug()
    await until(() => reader.view().state === 'offline')
  })

  await test(`${where}: a burst of cards, each once and whole`, async () => {
    const { model, names, start, far } = bench()
    await using reader = start()
    await plug.plug(far)
    const laid = Array.from({ length: 8 }, (_, i) => `测试${i}`)
    for (const name of laid) {
      const before = names.length
      model.placeCard({ text: { ...zhang, name } })
      await until(() => names.length > before)
    }
    assert.deepEqual(names, laid)
    const { timeouts, discarded_bytes } = reader.view().counters
    assert.ok(timeouts > 0 || discarded_bytes === 0)
    await plug.unplug()
  })

  await test(`${where}: pulled in the middle of every command, nothing twice`, async () => {
    const { model, wire, names, start, far } = bench()
    await using reader = start()
    await plug.plug(far)
    const laid: string[] = []
    for (const [i, [command, when]] of moments.entries()) {
      const name = `拔插${i}`
      laid.push(name)
      at(
        () => `${command} ${when}: ${reader.view().state} ${reader.view().reason}, ${names.at(-1)}`,
      )
      const tripped = wire.arm({ at: asks(command), when })
      // A reader that is running asks its first questions only after a new plug.
      if (command === 'status' || command === 'read_id') {
        await plug.unplug()
        await until(() => reader.view().state === 'offline')
        await plug.plug(far)
      }
      model.placeCard({ text: { ...zhang, name } })
      await tripped
      await plug.unplug()
      await until(() => reader.view().state === 'offline')
      await plug.plug(far)
      // Its power was gone: the module finds the card that still lies there as a new one.
      model.placeCard({ text: { ...zhang, name } })
      await until(() => names.includes(name))
      const { frames_in } = reader.view().counters
      await until(() => reader.view().counters.frames_in > frames_in + 8)
      assert.deepEqual(names, laid, `${command} ${when}`)
    }
    await plug.unplug()
  })
}

function asks(command: string): Moment['at'] {
  const deframer = createRequestDeframer()
  return (bytes) =>
    deframer
      .push(bytes)
      .frames.some((request) => !('refuse' in request) && commandName(request) === command)
}

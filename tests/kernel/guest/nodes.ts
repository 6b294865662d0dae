/**
 * The transports by themselves over hidraw: order and number of reports, devices alike, coming
 * back.
 */
import assert from 'node:assert/strict'
import { isFault } from '#devices/std/fault.ts'
import { hidNodes } from '../../../gateway/transports/sysfs.ts'
import { transportAt } from './parts.ts'
import { test, until } from './report.ts'
import { type HidNames, UserHid } from './uhid.ts'

const names = { vendor: 0x1209, product: 0x0001, serial: 'A' }
const at = 'hid:1209:0001'

/** The kernel makes the node some time after it was asked to. */
async function plugged(given: HidNames, take: (report: Uint8Array) => void): Promise<UserHid> {
  const device = new UserHid(given, take)
  await until(() => hidNodes(given).length === 1)
  return device
}

async function unplugged(device: UserHid, given: HidNames): Promise<void> {
  device.unplug()
  await until(() => hidNodes(given).length === 0)
}

export async function testNodes(where: string): Promise<void> {
  await test(`${where}: a thousand reports there and back, all in order`, async () => {
    const device: UserHid = await plugged(names, (report) => device.send(report))
    const heard: number[] = []
    const sizes = new Set<number>()
    const link = await transportAt(at).open({
      onData(report) {
        sizes.add(report.length)
        heard.push(report[0]! | (report[1]! << 8))
      },
      onClose() {},
    })
    for (let i = 0; i < 1000; i++) {
      const report = new Uint8Array(64)
      report.set([i & 0xff, i >> 8])
      link.write(report)
      // The kernel keeps 64 reports for a reader, no more.
      await until(() => heard.length > i - 32)
    }
    await until(() => heard.length === 1000)
    assert.deepEqual(
      heard,
      Array.from({ length: 1000 }, (_, i) => i),
    )
    assert.deepEqual([...sizes], [64])
    link.close()
    await unplugged(device, names)
  })

  await test(`${where}: told once that it is gone, and when it is back`, async () => {
    const transport = transportAt(at)
    for (let round = 0; round < 3; round++) {
      const told: string[] = []
      const first = await plugged(names, () => {})
      await transport.open({
        onData: () => told.push('data'),
        onClose: (reason) => told.push(reason),
      })
      first.send(new Uint8Array(64))
      await until(() => told.length === 1)
      first.unplug()
      await until(() => told.length === 2)
      assert.deepEqual(told, ['data', 'gone'])
      const refused = await transport.open({ onData() {}, onClose() {} }).catch((fault) => fault)
      assert.ok(isFault(refused, 'device_gone'))
      let back = false
      transport.watch!(() => {
        back = true
      })
      const second = await plugged(names, () => {})
      await until(() => back)
      const link = await transport.open({ onData() {}, onClose: (reason) => told.push(reason) })
      link.close()
      assert.deepEqual(told, ['data', 'gone', 'closed'])
      await unplugged(second, names)
    }
  })

  await test(`${where}: of two readers alike the serial number chooses, not chance`, async () => {
    const heard: string[] = []
    const other = { ...names, serial: 'B' }
    const first = await plugged(names, () => heard.push('A'))
    const second = await plugged(other, () => heard.push('B'))
    const refused = await transportAt(at)
      .open({ onData() {}, onClose() {} })
      .catch((fault) => fault)
    assert.ok(isFault(refused, 'device_refused'))
    const link = await transportAt(`${at}:B`).open({ onData() {}, onClose() {} })
    link.write(new Uint8Array(64))
    await until(() => heard.length > 0)
    assert.deepEqual(heard, ['B'])
    link.close()
    await unplugged(first, names)
    await unplugged(second, other)
  })
}

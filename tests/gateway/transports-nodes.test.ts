/** Nodes that come and go, devices found by name, and libraries that are not there. */
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Pace } from '#devices/std/clock.ts'
import { type Fault, isFault } from '#devices/std/fault.ts'
import type { LogFields } from '#devices/std/log.ts'
import { codeOf, nativeLibraries } from '../../gateway/transports/native.ts'
import { transportFor } from '../../gateway/transports/open.ts'
import {
  findOne,
  hidNodes,
  lookFor,
  type Tables,
  usbNodes,
} from '../../gateway/transports/sysfs.ts'
import { lookAtPath, nodeWatch, WatchedNode } from '../../gateway/transports/watch.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallway-nodes-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** A pace turned by hand: at most one look is planned. */
function steppedPace() {
  const planned = new Set<() => void>()
  const pace: Pace = {
    now_ms: () => 0,
    after(_ms, _what, run) {
      planned.add(run)
      return () => planned.delete(run)
    },
  }
  const look = () => {
    for (const run of [...planned]) {
      planned.delete(run)
      run()
    }
  }
  return { pace, look, planned }
}

describe('a watch over device nodes', () => {
  it('tells once that a node is gone or is another, and not while it stands', async () => {
    const path = join(folder, 'node')
    const { pace, look } = steppedPace()
    const nodes = nodeWatch(pace)
    for (const change of [() => rm(path), () => rename(join(folder, 'other'), path)]) {
      await writeFile(path, '')
      await writeFile(join(folder, 'other'), '')
      const node = new WatchedNode(nodes, lookAtPath(path))
      expect(node.try()).toBe(true)
      let gone = 0
      node.whileThere(() => {
        gone += 1
      })
      await writeFile(path, 'bytes do not make it another')
      look()
      expect(gone).toBe(0)
      await change()
      look()
      look()
      expect(gone).toBe(1)
    }
  })

  it('tells that a node is back, also when it is there again before anybody looked', async () => {
    const path = join(folder, 'node')
    const { pace, look } = steppedPace()
    const node = new WatchedNode(nodeWatch(pace), lookAtPath(path))
    const told: string[] = []
    expect(node.try()).toBe(false)
    node.untilBack(() => told.push('first'))
    look()
    expect(told).toEqual([])
    await writeFile(path, '')
    look()
    expect(told).toEqual(['first'])
    expect(node.try()).toBe(true)
    node.untilBack(() => told.push('not again'))
    look()
    await writeFile(join(folder, 'other'), '')
    await rename(join(folder, 'other'), path)
    node.untilBack(() => told.push('second'))
    look()
    expect(told).toEqual(['first', 'not again', 'second'])
  })

  it('looks at all nodes in one go, and not at all while none is watched', async () => {
    const { pace, look, planned } = steppedPace()
    const nodes = nodeWatch(pace)
    expect(planned.size).toBe(0)
    const cancels = Array.from({ length: 40 }, () =>
      nodes.await(
        () => false,
        () => {},
      ),
    )
    look()
    expect(planned.size).toBe(1)
    for (const cancel of cancels) cancel()
    expect(planned.size).toBe(0)
  })
})

describe('devices found by what they say they are', () => {
  async function hid(node: string, at: string, facts: Record<string, string>): Promise<void> {
    const device = join(folder, 'devices', at, node)
    await mkdir(device, { recursive: true })
    await mkdir(join(folder, 'hid', node), { recursive: true })
    await mkdir(join(folder, 'dev'), { recursive: true })
    const lines = Object.entries(facts).map(([key, value]) => `${key}=${value}\n`)
    await writeFile(join(device, 'uevent'), lines.join(''))
    await symlink(device, join(folder, 'hid', node, 'device'))
    await writeFile(join(folder, 'dev', node), '')
  }
  const tables = (): Tables => ({
    hid: join(folder, 'hid'),
    usb: join(folder, 'usb'),
    dev: join(folder, 'dev'),
  })
  const reader = { vendor: 0x10c4, product: 0x0007 }
  const id = '0003:000010C4:00000007'

  it('takes the first interface of one device, and none of two alike', async () => {
    await hid('hidraw1', 'usb1/1-1/1-1:1.1', { HID_ID: id, HID_PHYS: 'usb-x-1/input1' })
    await hid('hidraw2', 'usb1/1-1/1-1:1.0', { HID_ID: id, HID_PHYS: 'usb-x-1/input0' })
    await hid('hidraw3', 'usb1/1-3/1-3:1.0', { HID_ID: '0003:0000046D:0000C52B' })
    expect(findOne(hidNodes(reader, tables()))?.node).toBe(join(folder, 'dev', 'hidraw2'))
    await hid('hidraw4', 'usb1/1-2.4/1-2.4:1.0', { HID_ID: id, HID_UNIQ: 'B' })
    const both = hidNodes(reader, tables())
    expect(() => findOne(both)).toThrow(/1-1 and 1-2\.4: say serial or port/)
    expect(lookFor(() => both)()).toBeNull()
    const atPort = hidNodes({ ...reader, port: '1-1' }, tables())
    expect(findOne(atPort)?.node).toBe(join(folder, 'dev', 'hidraw2'))
    const bySerial = hidNodes({ ...reader, serial: 'B' }, tables())
    expect(findOne(bySerial)?.node).toBe(join(folder, 'dev', 'hidraw4'))
  })

  it('finds USB devices, not their interfaces, and none without its node', async () => {
    const facts = { idVendor: '0400', idProduct: 'c35a', busnum: '1', devnum: '7', serial: 'S' }
    for (const name of ['1-2', '1-2:1.0', 'usb1']) {
      await mkdir(join(folder, 'usb', name), { recursive: true })
      for (const [file, text] of Object.entries(facts)) {
        await writeFile(join(folder, 'usb', name, file), `${text}\n`)
      }
    }
    const sam = { vendor: 0x0400, product: 0xc35a }
    expect(usbNodes(sam, tables())).toEqual([])
    await mkdir(join(folder, 'dev/bus/usb/001'), { recursive: true })
    await writeFile(join(folder, 'dev/bus/usb/001/007'), '')
    expect(usbNodes(sam, tables()).map((one) => one.port)).toEqual(['1-2'])
    expect(usbNodes({ ...sam, serial: 'T' }, tables())).toEqual([])
    expect(usbNodes({ ...sam, port: '1-3' }, tables())).toEqual([])
  })
})

describe('a native library that is not there', () => {
  it('is said once, with what to install, however many devices need it', async () => {
    const said: (LogFields | undefined)[] = []
    const natives = nativeLibraries((_level, _event, fields) => said.push(fields))
    let tries = 0
    const load = async () => {
      tries += 1
      throw Object.assign(new Error('libusb-1.0.so.0'), { code: 'ERR_DLOPEN_FAILED' })
    }
    for (let device = 0; device < 3; device++) {
      const fault: unknown = await natives.load('node-hid', 'install X', load).catch((f) => f)
      expect(isFault(fault, 'unsupported')).toBe(true)
      expect((fault as Fault).detail).toContain('install X')
    }
    expect(tries).toBe(1)
    expect(said).toEqual([{ library: 'node-hid', code: 'ERR_DLOPEN_FAILED', advice: 'install X' }])
  })

  it('finds the code wherever a library puts it', () => {
    expect(codeOf(Object.assign(new Error('x'), { code: 'EACCES' }))).toBe('EACCES')
    expect(codeOf(new Error('x', { cause: { code: 'ENOENT' } }))).toBe('ENOENT')
    expect(codeOf(new Error('Error: Permission denied, cannot open /dev/x'))).toBe('EACCES')
    expect(codeOf('not even an error')).toBe('error')
    expect(codeOf(undefined)).toBe('error')
  })
})

describe('a transport to what is not there', () => {
  it.each(['serial:/dev/none', 'lp:/dev/none', 'hid:ffff:fff1', 'usb:ffff:fff1'])(
    '%s is refused and the program goes on',
    async (at) => {
      const { pace } = steppedPace()
      const transport = transportFor(at, { pace, log: () => {} })
      expect(transport.address).toBe(at)
      const fault: unknown = await transport
        .open({ onData() {}, onClose() {} })
        .catch((error: unknown) => error)
      expect(isFault(fault, 'device_gone')).toBe(true)
    },
  )
})

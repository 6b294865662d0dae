/** The ports of a machine as its kernel lists them, from a tree of files made for it. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { localPlaces, tcpPlaceOf } from '../../gateway/discover/places.ts'

const folder = mkdtempSync(join(tmpdir(), 'hallway-places-'))
const [sys, dev] = [join(folder, 'sys'), join(folder, 'dev')]
afterAll(() => rmSync(folder, { recursive: true }))

function file(path: string, content: string | Uint8Array = ''): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

function link(from: string, to: string): void {
  mkdirSync(dirname(from), { recursive: true })
  symlinkSync(to, from)
}

it('lists what is there under the names that stay, and says why it leaves some alone', () => {
  for (const name of ['ttyUSB0', 'ttyS0', 'ttyS1', 'ttyS2']) {
    file(`${sys}/class/tty/${name}/device/x`)
    file(`${dev}/${name}`)
  }
  file(`${sys}/class/tty/tty7/active`)
  for (const [name, type] of [
    ['ttyS0', '4'],
    ['ttyS1', '0'],
    ['ttyS2', '4'],
  ] as const) {
    file(`${sys}/class/tty/${name}/type`, `${type}\n`)
  }
  file(`${sys}/class/tty/console/active`, 'tty0 ttyS0\n')
  link(`${dev}/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0`, '../../ttyUSB0')
  link(`${dev}/serial/by-id/usb-Prolific_USB-Serial-if00-port0`, '../../ttyUSB0')
  const hid = (node: string, [port, input]: [string, number], about: [string, number[]]) => {
    const device = `${sys}/devices/usb1/${port}/${port}:1.${input}/0003:0400:C35A.${node}`
    const phys = `HID_PHYS=usb-0000:00:14.0-${port}/input${input}`
    const facts = ['HID_ID=0003:00000400:0000C35A', `HID_NAME=${about[0]}`, 'HID_UNIQ=', phys]
    file(`${device}/uevent`, `${facts.join('\n')}\n`)
    file(`${device}/report_descriptor`, Uint8Array.from(about[1]))
    link(`${sys}/class/hidraw/${node}/device`, device)
  }
  const [keys, own] = [
    [0x05, 0x01, 0x09, 0x06],
    [0x06, 0x00, 0xff, 0x09],
  ]
  hid('hidraw0', ['1-4', 1], ['behind a keyboard', own!])
  hid('hidraw1', ['1-4', 0], ['a keyboard', keys!])
  hid('hidraw2', ['1-5.1', 0], ['a reader', own!])
  const usb = (port: string, ids: [string, string], driver: boolean) => {
    const device = `${sys}/bus/usb/devices/${port}`
    file(`${device}/idVendor`, `${ids[0]}\n`)
    file(`${device}/idProduct`, `${ids[1]}\n`)
    file(`${device}:1.0/bInterfaceClass`, 'ff\n')
    if (driver) file(`${device}:1.0/driver/x`)
  }
  usb('1-1', ['0400', 'c35a'], false)
  usb('1-2', ['dead', 'beef'], false)
  usb('1-3', ['1a86', '7523'], true)
  file(`${dev}/usb/lp0`)

  const places = localPlaces({ sys, dev }).map(({ at, asks, why_not, says }) => {
    return [at.replace(folder, ''), why_not ?? asks.length, says]
  })
  expect(places).toEqual([
    ['serial:/dev/ttyS0', 'console', ''],
    ['serial:/dev/ttyS2', 5, ''],
    [
      'serial:/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0',
      5,
      'usb-Prolific_USB-Serial-if00-port0',
    ],
    ['hid:0400:c35a?port=1-4', 'not_vendor_hid', 'a keyboard'],
    ['hid:0400:c35a?port=1-5.1', 1, 'a reader'],
    ['usb:0400:c35a?port=1-1', 1, ''],
    ['usb:dead:beef?port=1-2', 'unknown_usb', ''],
    ['lp:/dev/usb/lp0', 1, ''],
  ])
})

it('a machine without any of it has none', () => {
  expect(localPlaces({ sys: join(folder, 'no'), dev: join(folder, 'no') })).toEqual([])
})

it('a port known for one kind of device is asked for that one only', () => {
  expect(tcpPlaceOf('192.0.2.1:9100')?.asks).toEqual(['esc_pos'])
  expect(tcpPlaceOf('[::1]:1515')?.asks).toEqual(['samsung_mdc'])
  expect(tcpPlaceOf('192.0.2.1:4352')?.asks).toEqual([])
  expect(tcpPlaceOf('192.0.2.1:4001')?.asks).toHaveLength(5)
  for (const bad of ['192.0.2.1', ':1', 'a b:1', 'host:70000', 'host:1?x=1']) {
    expect(tcpPlaceOf(bad), bad).toBeNull()
  }
})

/**
 * Finds USB and HID devices by what they say they are, in the kernel's own tables (Linux only).
 * Reads a few small files, asks no library and no device. Two devices that fit one name are told
 * apart by serial number or port, never guessed at: raises Fault `device_refused` then.
 */
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { Fault } from '#devices/std/fault.ts'
import type { UsbName } from './address.ts'
import { type Look, nameOfNode } from './watch.ts'

/** `node` is what to open; `is` names this plugging-in of it. */
export type Found = { node: string; is: string; port: string; order: number }

export type Tables = { hid: string; usb: string; dev: string }
export const kernelTables: Tables = {
  hid: '/sys/class/hidraw',
  usb: '/sys/bus/usb/devices',
  dev: '/dev',
}

/** The one device of that name; null without. Of its interfaces the first. */
export function findOne(list: readonly Found[]): Found | null {
  const ports = new Set(list.map((one) => one.port))
  if (ports.size > 1) {
    const places = [...ports].join(' and ')
    const detail = `${list.length} alike, at USB ports ${places}: say serial or port`
    throw new Fault('device_refused', detail)
  }
  return list.toSorted((a, b) => a.order - b.order)[0] ?? null
}

/** A look for a device by name; what cannot be told apart is not there. */
export function lookFor(find: () => readonly Found[]): Look {
  return () => {
    const list = find()
    if (new Set(list.map((one) => one.port)).size !== 1) return null
    return list.toSorted((a, b) => a.order - b.order)[0]!.is
  }
}

/** HID nodes: HID_ID is bus:vendor:product in hex, HID_UNIQ the serial number. */
export function hidNodes(name: UsbName, tables: Tables = kernelTables): Found[] {
  return namesIn(tables.hid).flatMap((node) => {
    const device = `${tables.hid}/${node}/device`
    const facts = textOf(`${device}/uevent`)
    const [, vendor, product] = factOf(facts, 'HID_ID').split(':')
    const ids = { vendor, product, serial: factOf(facts, 'HID_UNIQ') }
    if (!fits(name, ids)) return []
    const place = pathOf(device)
    const port = /\/(\d+-[\d.]+):[\d.]+\//.exec(place)?.[1] ?? place
    if (name.port !== undefined && name.port !== port) return []
    const order = Number(/input(\d+)$/.exec(factOf(facts, 'HID_PHYS'))?.[1] ?? 0)
    const dev = `${tables.dev}/${node}`
    return isOf(dev).map((is) => ({ node: dev, is, port, order }))
  })
}

export function usbNodes(name: UsbName, tables: Tables = kernelTables): Found[] {
  return namesIn(tables.usb).flatMap((port) => {
    if (port.includes(':') || !/^\d+-/.test(port)) return []
    if (name.port !== undefined && name.port !== port) return []
    const fact = (file: string) => textOf(`${tables.usb}/${port}/${file}`).trim()
    const ids = { vendor: fact('idVendor'), product: fact('idProduct'), serial: fact('serial') }
    if (!fits(name, ids)) return []
    const number = (file: string) => fact(file).padStart(3, '0')
    const node = `${tables.dev}/bus/usb/${number('busnum')}/${number('devnum')}`
    return isOf(node).map((is) => ({ node, is, port, order: 0 }))
  })
}

type Ids = { vendor: string | undefined; product: string | undefined; serial: string }

function fits(name: UsbName, ids: Ids): boolean {
  const same = (text: string | undefined, id: number) => Number.parseInt(text ?? '', 16) === id
  if (!same(ids.vendor, name.vendor) || !same(ids.product, name.product)) return false
  return name.serial === undefined || name.serial === ids.serial
}

/** One name, or none where the node is not made yet or is gone again. */
function isOf(node: string): string[] {
  try {
    const { ino, rdev, mode, gid } = statSync(node)
    return [nameOfNode(`${node}:${ino}:${rdev}`, `${mode}:${gid}`)]
  } catch {
    return []
  }
}

function factOf(facts: string, key: string): string {
  const line = facts.split('\n').find((one) => one.startsWith(`${key}=`))
  return line?.slice(key.length + 1) ?? ''
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function pathOf(link: string): string {
  try {
    return realpathSync(link)
  } catch {
    return link
  }
}

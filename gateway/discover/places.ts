/**
 * Where a device could be plugged into this machine: the kernel's own lists, nothing is opened. A
 * serial port goes by the name that stays with its socket, or with its adapter.
 * Asked are serial ports but consoles; printers of the printer class; HID devices that say they are a
 * vendor's own (never a keyboard); on USB the one layout of card readers that is known. The rest is
 * listed and left alone. Raises nothing: what cannot be read is not there.
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { basename } from 'node:path'
import { parseAddress, printAddress } from '../transports/address.ts'
import type { ProtocolName } from './protocols.ts'

export type WhyNot = 'console' | 'not_vendor_hid' | 'unknown_usb'

export type Place = {
  /** As a configuration names it, without options of the line. */
  at: string
  /** What the kernel calls it. */
  node: string
  /** What it says it is; never believed. */
  says: string
  asks: readonly ProtocolName[]
  why_not: WhyNot | null
}

export type Roots = { sys: string; dev: string }
export const kernelRoots: Roots = { sys: '/sys', dev: '/dev' }

const serial_names = /^tty(USB|ACM|AMA|S|O|mxc|XRUSB)\d+$/
const onLines: readonly ProtocolName[] = ['esc_pos', 'sam', 'modbus_rtu', 'zt588', 'samsung_mdc']
const bulk_readers: readonly string[] = ['0400:c35a']

export function localPlaces(roots: Roots = kernelRoots): Place[] {
  return [...serialPlaces(roots), ...hidPlaces(roots), ...usbPlaces(roots), ...printerPlaces(roots)]
}

export function serialPlace(path: string): Place {
  return { at: `serial:${path}`, node: path, says: '', asks: onLines, why_not: null }
}

/** A port by which one kind of device is known is asked for that one only. */
export function tcpPlace(host: string, port: number): Place {
  const known: Readonly<Record<number, readonly ProtocolName[]>> = {
    ...{ 9100: ['esc_pos'], 4352: [], 1515: ['samsung_mdc'] },
  }
  const at = printAddress({ kind: 'tcp', host, port })
  return { at, node: at, says: '', asks: known[port] ?? onLines, why_not: null }
}

/** `host:port` or `[::1]:port`; null for anything else. */
export function tcpPlaceOf(text: string): Place | null {
  const parsed = parseAddress(`tcp://${text}`)
  if (!parsed.ok || parsed.address.kind !== 'tcp') return null
  return tcpPlace(parsed.address.host, parsed.address.port)
}

function serialPlaces({ sys, dev }: Roots): Place[] {
  const consoles = textOf(`${sys}/class/tty/console/active`).trim().split(/\s+/)
  const [byPath, byId] = [linksIn(`${dev}/serial/by-path`), linksIn(`${dev}/serial/by-id`)]
  return namesIn(`${sys}/class/tty`)
    .filter((name) => serial_names.test(name) && isThere(`${sys}/class/tty/${name}`, name))
    .map((name) => {
      const path = byPath.get(name) ?? byId.get(name) ?? `${dev}/${name}`
      const why_not = consoles.includes(name) ? 'console' : null
      const says = basename(byId.get(name) ?? '')
      return { ...serialPlace(path), node: `${dev}/${name}`, says, why_not }
    })
}

/** The kernel makes nodes for built-in ports that nobody soldered: their type is 0. */
function isThere(folder: string, name: string): boolean {
  if (!existsSync(`${folder}/device`)) return false
  return !name.startsWith('ttyS') || textOf(`${folder}/type`).trim() !== '0'
}

/** A transport opens the first interface of a device: that one has to be a vendor's own. */
function hidPlaces({ sys, dev }: Roots): Place[] {
  const interfaces = namesIn(`${sys}/class/hidraw`).map((name) => hidInterface(sys, dev, name))
  const ofPorts = Map.groupBy(interfaces, ({ port, at }) => `${port} ${at}`)
  const firsts = [...ofPorts.values()].map((all) => all.toSorted((a, b) => a.order - b.order)[0]!)
  return firsts.map(({ own, port, at, node, says }) => {
    const alike = firsts.filter((other) => other.at === at).length > 1
    return {
      ...{ at: alike && port !== '' ? `${at}?port=${port}` : at, node, says },
      ...{ asks: own ? ['sam'] : [], why_not: own ? null : 'not_vendor_hid' },
    }
  })
}

function hidInterface(sys: string, dev: string, name: string) {
  const device = `${sys}/class/hidraw/${name}/device`
  const facts = textOf(`${device}/uevent`)
  const fact = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(facts)?.[1] ?? ''
  const [, vendor = '', product = ''] = fact('HID_ID').split(':')
  const ids = [vendor, product].map((id) => id.slice(-4).toLowerCase()).join(':')
  const unique = /^[!-~]{1,126}$/.test(fact('HID_UNIQ')) ? `:${fact('HID_UNIQ')}` : ''
  // A report descriptor that begins with a vendor-defined usage page: 06 xx FF.
  const head = bytesOf(`${device}/report_descriptor`)
  return {
    ...{ at: `hid:${ids}${unique}`, node: `${dev}/${name}`, says: fact('HID_NAME') },
    own: head[0] === 0x06 && head[2] === 0xff,
    port: /\/(\d+-[\d.]+):[\d.]+\//.exec(pathOf(device))?.[1] ?? '',
    order: Number(/input(\d+)$/.exec(fact('HID_PHYS'))?.[1] ?? 0),
  }
}

function usbPlaces({ sys }: Roots): Place[] {
  const root = `${sys}/bus/usb/devices`
  return namesIn(root).flatMap((port) => {
    if (port.includes(':') || !/^\d+-/.test(port) || !hasVendorInterface(root, port)) return []
    const fact = (file: string) => textOf(`${root}/${port}/${file}`).trim()
    const ids = `${fact('idVendor')}:${fact('idProduct')}`.toLowerCase()
    const known = bulk_readers.includes(ids)
    const says = `${fact('manufacturer')} ${fact('product')}`.trim()
    const at = `usb:${ids}?port=${port}`
    const asks: readonly ProtocolName[] = known ? ['sam'] : []
    return [{ at, node: port, says, asks, why_not: known ? null : 'unknown_usb' }]
  })
}

/** An interface of a vendor's own class that no driver of the kernel has taken. */
function hasVendorInterface(root: string, port: string): boolean {
  return namesIn(root).some(
    (name) =>
      name.startsWith(`${port}:`) &&
      textOf(`${root}/${name}/bInterfaceClass`).trim() === 'ff' &&
      !existsSync(`${root}/${name}/driver`),
  )
}

function printerPlaces({ dev }: Roots): Place[] {
  return namesIn(`${dev}/usb`)
    .filter((name) => /^lp\d+$/.test(name))
    .map((name) => {
      const node = `${dev}/usb/${name}`
      return { at: `lp:${node}`, node, says: '', asks: ['esc_pos'], why_not: null }
    })
}

/** Link by the name of the node behind it. */
function linksIn(folder: string): Map<string, string> {
  const links = namesIn(folder).flatMap((link): [string, string][] => {
    try {
      return [[basename(realpathSync(`${folder}/${link}`)), `${folder}/${link}`]]
    } catch {
      return []
    }
  })
  return new Map(links)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

function pathOf(link: string): string {
  try {
    return realpathSync(link)
  } catch {
    return link
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function bytesOf(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch {
    return new Uint8Array(0)
  }
}

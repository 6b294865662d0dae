/**
 * Where a device is, as the configuration says it. Pure: reads and prints, opens nothing.
 *
 *   tcp://host:port
 *   serial:/dev/ttyUSB0?baud=9600&parity=none|even|odd&data=8|7&stop=1|2
 *   hid:vvvv:pppp[:serial]?port=1-2.3
 *   usb:vvvv:pppp[:serial]?port=1-2.3&layout=auto|split|single
 *   lp:/dev/usb/lp0
 *
 * Vendor and product are four hex digits. `port` is the USB port as the kernel names it, for two
 * devices that nothing else tells apart; links below /dev/serial/by-path and by-id do the same for
 * serial ports. What an address does not say of its line is left to the kind of device.
 * Refuses what it does not know, each problem with its reason. Raises nothing.
 */

export type Parity = 'none' | 'even' | 'odd'
export type SerialLine = { baud: number; parity: Parity; data: 7 | 8; stop: 1 | 2 }
/** What all serial devices are taken for that say nothing else. */
export const plainLine: SerialLine = { baud: 9600, parity: 'none', data: 8, stop: 1 }

/** A device on USB by what it says it is, and where two of them are alike, by its port. */
export type UsbName = { vendor: number; product: number; serial?: string; port?: string }
export type UsbLayout = 'auto' | 'split' | 'single'

export type Address =
  | { kind: 'tcp'; host: string; port: number }
  | { kind: 'serial'; path: string; line: Partial<SerialLine> }
  | { kind: 'hid'; name: UsbName }
  | { kind: 'usb'; name: UsbName; layout: UsbLayout }
  | { kind: 'lp'; path: string }

export type ParsedAddress = { ok: true; address: Address } | { ok: false; problems: string[] }

export const addressForms =
  'tcp://host:port, serial:/dev/..., hid:vvvv:pppp, usb:vvvv:pppp or lp:/dev/usb/lp0'
const most_characters = 512

export function parseAddress(text: string): ParsedAddress {
  if (text.length > most_characters) return wrong(`longer than ${most_characters} characters`)
  const mark = text.indexOf(':')
  const kind = text.slice(0, Math.max(mark, 0))
  const read = Object.hasOwn(readers, kind) ? readers[kind] : undefined
  if (read === undefined) return wrong(`must look like ${addressForms}`)
  const rest = text.slice(mark + 1)
  const question = rest.indexOf('?')
  const place = question < 0 ? rest : rest.slice(0, question)
  const options = new OptionReader(question < 0 ? null : rest.slice(question + 1))
  const address = read(place, options)
  const problems = [...options.problems, ...options.unread()]
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, address }
}

/** The shortest text that means the same. */
export function printAddress(address: Address): string {
  switch (address.kind) {
    case 'tcp': {
      const { host, port } = address
      return `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`
    }
    case 'serial':
      return `serial:${address.path}${printOptions(address.line)}`
    case 'hid':
      return `hid:${printName(address.name)}${printOptions({ port: address.name.port })}`
    case 'usb': {
      const { port } = address.name
      const layout = address.layout === 'auto' ? undefined : address.layout
      return `usb:${printName(address.name)}${printOptions({ port, layout })}`
    }
    case 'lp':
      return `lp:${address.path}`
  }
}

/** Whether the bytes may leave this machine: a card in clear must not without being accepted. */
export function leavesMachine(address: Address, isLoopback: (host: string) => boolean): boolean {
  return address.kind === 'tcp' && !isLoopback(address.host)
}

/** What is opened in the end, without its options: the same for two ways to write one place. */
export function placeOf(address: Address): string {
  switch (address.kind) {
    case 'tcp':
      return `tcp ${address.host.toLowerCase()} ${address.port}`
    case 'serial':
    case 'lp':
      return `${address.kind} ${address.path.replaceAll(/\/(\.?\/)+/g, '/')}`
    case 'hid':
    case 'usb':
      return printAddress({ kind: 'hid', name: address.name })
  }
}

function wrong(problem: string): ParsedAddress {
  return { ok: false, problems: [problem] }
}

type Reader = (place: string, options: OptionReader) => Address

const readers: Readonly<Record<string, Reader>> = {
  tcp(place, options) {
    const match = /^\/\/(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(place)
    if (match === null) options.problem('must look like tcp://host:port')
    const port = Number(match?.[3] ?? 1)
    if (port < 1 || port > 65_535) options.problem('port is from 1 to 65535')
    return { kind: 'tcp', host: match?.[1] ?? match?.[2] ?? '', port }
  },
  serial(place, options) {
    const path = pathOf(place, options)
    const line: Partial<SerialLine> = {}
    const baud = options.whole('baud', 50, 4_000_000)
    const parity = options.choice('parity', ['none', 'even', 'odd'])
    const data = options.choice('data', ['8', '7'])
    const stop = options.choice('stop', ['1', '2'])
    if (baud !== undefined) line.baud = baud
    if (parity !== undefined) line.parity = parity
    if (data !== undefined) line.data = data === '7' ? 7 : 8
    if (stop !== undefined) line.stop = stop === '2' ? 2 : 1
    return { kind: 'serial', path, line }
  },
  hid: (place, options) => ({ kind: 'hid', name: nameOf(place, options) }),
  usb(place, options) {
    const name = nameOf(place, options)
    const layout = options.choice('layout', ['auto', 'split', 'single']) ?? 'auto'
    return { kind: 'usb', name, layout }
  },
  lp: (place, options) => ({ kind: 'lp', path: pathOf(place, options) }),
}

function pathOf(place: string, options: OptionReader): string {
  if (!place.startsWith('/')) options.problem('the path begins with /')
  else if (place.endsWith('/')) options.problem('the path names a folder')
  if (/(^|\/)\.\.(\/|$)/.test(place)) options.problem('the path has no ..')
  if (/[\0-\x20\x7f]/.test(place)) options.problem('the path has no blanks or control characters')
  return place
}

function nameOf(place: string, options: OptionReader): UsbName {
  const match = /^([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?::([\x21-\x3e\x40-\x7e]{1,126}))?$/.exec(place)
  if (match === null) options.problem('vendor and product are four hex digits each: vvvv:pppp')
  const port = options.matching('port', /^\d+-\d+(\.\d+)*$/, 'a USB port such as 1-2.3')
  return {
    vendor: Number.parseInt(match?.[1] ?? '0', 16),
    product: Number.parseInt(match?.[2] ?? '0', 16),
    ...(match?.[3] === undefined ? {} : { serial: match[3] }),
    ...(port === undefined ? {} : { port }),
  }
}

function printName({ vendor, product, serial }: UsbName): string {
  const ids = [vendor, product].map((id) => id.toString(16).padStart(4, '0'))
  return [...ids, ...(serial === undefined ? [] : [serial])].join(':')
}

function printOptions(options: Readonly<Record<string, string | number | undefined>>): string {
  const said = Object.entries(options).filter(([, value]) => value !== undefined)
  return said.length === 0 ? '' : `?${said.map(([key, value]) => `${key}=${value}`).join('&')}`
}

/** Takes the options one by one; what nobody asked for is a problem. */
class OptionReader {
  readonly problems: string[] = []
  readonly #given = new Map<string, string>()

  constructor(query: string | null) {
    for (const piece of query === null ? [] : query.split('&')) {
      const equals = piece.indexOf('=')
      const key = piece.slice(0, Math.max(equals, 0))
      if (key === '') this.problem(`"${piece}" is not option=value`)
      else if (this.#given.has(key)) this.problem(`${key} is said twice`)
      else this.#given.set(key, piece.slice(equals + 1))
    }
  }

  problem(text: string): void {
    this.problems.push(text)
  }

  choice<const Choice extends string>(key: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.#take(key)
    const choice = choices.find((one) => one === value)
    if (value !== undefined && choice === undefined) {
      this.problem(`${key} is one of ${choices.join(', ')}`)
    }
    return choice
  }

  whole(key: string, least: number, most: number): number | undefined {
    const value = this.#take(key)
    if (value === undefined) return undefined
    const number = /^\d{1,9}$/.test(value) ? Number(value) : -1
    if (number < least || number > most) this.problem(`${key} is from ${least} to ${most}`)
    return number
  }

  matching(key: string, form: RegExp, what: string): string | undefined {
    const value = this.#take(key)
    if (value !== undefined && !form.test(value)) this.problem(`${key} is ${what}`)
    return value
  }

  unread(): string[] {
    return [...this.#given.keys()].map((key) => `no such option here: ${key}`)
  }

  #take(key: string): string | undefined {
    const value = this.#given.get(key)
    this.#given.delete(key)
    return value
  }
}

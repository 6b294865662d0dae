/**
 * A HID device made in user space: struct uhid_event of linux/uhid.h, 4380 bytes, packed, in the
 * machine's byte order (little-endian here). Reports of 64 bytes without an id.
 */
import { FarFile } from './far-file.ts'

const event_bytes = 4380
const destroy = 1
const output = 6
const create2 = 11
const input2 = 12
const set_report = 13
const set_report_reply = 14
const bus_usb = 3

/** Vendor page, one input and one output report of 64 bytes. */
export const report_descriptor = Uint8Array.from([
  ...[
    0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x40,
  ],
  ...[0x09, 0x01, 0x81, 0x02, 0x09, 0x02, 0x91, 0x02, 0xc0],
])

export type HidNames = { vendor: number; product: number; serial: string }

export class UserHid {
  readonly #file: FarFile

  constructor(names: HidNames, take: (report: Uint8Array) => void) {
    this.#file = new FarFile('/dev/uhid', (event) => {
      const view = new DataView(event.buffer, event.byteOffset, event.byteLength)
      const type = view.getUint32(0, true)
      if (type === output) {
        const size = view.getUint16(4 + 4096, true)
        // The report id, 0 here, stands in front of what hidraw writes.
        take(event.slice(4 + 1, 4 + size))
      } else if (type === set_report) this.#refuse(view.getUint32(4, true))
    })
    this.#file.send(createEvent(names))
  }

  send(report: Uint8Array): void {
    const event = eventOf(input2)
    new DataView(event.buffer).setUint16(4, report.length, true)
    event.set(report, 6)
    this.#file.send(event)
  }

  unplug(): void {
    this.#file.send(eventOf(destroy))
    this.#file.close()
  }

  #refuse(id: number): void {
    const event = eventOf(set_report_reply)
    const view = new DataView(event.buffer)
    view.setUint32(4, id, true)
    view.setUint16(8, 5, true)
    this.#file.send(event)
  }
}

function eventOf(type: number): Uint8Array<ArrayBuffer> {
  const event = new Uint8Array(event_bytes)
  new DataView(event.buffer).setUint32(0, type, true)
  return event
}

/**
 * name 128, phys 64, uniq 64, descriptor size 2, bus 2, vendor, product, version, country 4 each.
 */
function createEvent({ vendor, product, serial }: HidNames): Uint8Array {
  const event = eventOf(create2)
  const text = new TextEncoder()
  event.set(text.encode('Card reader'), 4)
  event.set(text.encode(serial), 4 + 128 + 64)
  const view = new DataView(event.buffer)
  view.setUint16(260, report_descriptor.length, true)
  view.setUint16(262, bus_usb, true)
  view.setUint32(264, vendor, true)
  view.setUint32(268, product, true)
  event.set(report_descriptor, 280)
  return event
}

/**
 * An ID-card reader behind other plugs: the reports of a Miaxis HID reader and the bulk pipes of a USB
 * reader in both layouts, each around a model that speaks plain SAM frames. Reports over TCP stand one
 * behind the other, 64 bytes each. What is no report is dropped, as a device does.
 */
import type { Deframer } from '#devices/wire/deframer.ts'
import {
  createMiaxisRequestDeframer,
  miaxisReport,
  wrapMiaxisReply,
} from '#devices/wire/miaxis-hid.ts'
import {
  type BulkLayout,
  bulkReply,
  createBulkRequestReader,
  type Transfer,
} from '#devices/wire/usb-bulk.ts'
import type { DeviceModel } from './model.ts'

export class MiaxisReports implements DeviceModel {
  readonly #inner: DeviceModel
  readonly #deframer: Deframer<Uint8Array> = createMiaxisRequestDeframer()

  constructor(inner: DeviceModel) {
    this.#inner = inner
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#deframer.flush()
    this.#inner.attach((frame) => {
      for (const packet of wrapMiaxisReply(frame)) send(miaxisReport(packet))
    })
  }

  detach(): void {
    this.#inner.detach()
  }

  receive(bytes: Uint8Array): void {
    for (const frame of this.#deframer.push(bytes).frames) this.#inner.receive(frame)
  }
}

/** The bulk endpoints a simulated reader has. */
export const bulkEndpoints = {
  split: [0x02, 0x06, 0x81, 0x85],
  single: [0x01, 0x82],
} as const

/** Speaks in transfers, not in bytes: a host writes and reads on its pipes. */
export class BulkPipes {
  readonly #inner: DeviceModel
  readonly #layout: BulkLayout
  readonly #reader: ReturnType<typeof createBulkRequestReader>

  constructor(inner: DeviceModel, layout: BulkLayout) {
    this.#inner = inner
    this.#layout = layout
    this.#reader = createBulkRequestReader(layout)
  }

  attach(send: (transfer: Transfer) => void): void {
    this.#reader.reset()
    this.#inner.attach((frame) => {
      for (const transfer of bulkReply(this.#layout, frame)) send(transfer)
    })
  }

  detach(): void {
    this.#inner.detach()
  }

  receive(transfer: Transfer): void {
    const { bytes } = this.#reader.take(transfer)
    if (bytes.length > 0) this.#inner.receive(bytes)
  }
}

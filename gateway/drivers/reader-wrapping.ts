/**
 * The link of an ID-card reader as a stream of SAM frames, whatever carries them: a transport over a
 * transport, chosen by the address and the option `wrapping`.
 *
 *   tcp:, serial:  bytes as they are; with `miaxis_hid`, reports of 64 bytes one behind the other
 *   hid:           reports of a Miaxis reader, unless the address unwraps them itself (`wrap=miaxis`)
 *   usb:           the transport puts the bulk pipes of either layout into order
 *
 * What is no report never gets into a SAM frame. It is passed on before the next question, as many zeros
 * as there were bytes, so that the session counts it and sees a flood.
 * Raises what the transport below raises.
 */
import type { Discarded } from '#devices/wire/deframer.ts'
import {
  createMiaxisReplyDeframer,
  miaxisReport,
  unwrapMiaxis,
  wrapMiaxis,
} from '#devices/wire/miaxis-hid.ts'
import type { Transport } from '../transports/transport.ts'

export type ReaderWrapping = 'auto' | 'plain' | 'miaxis_hid'

export function readerTransport(below: Transport, wrapping: ReaderWrapping = 'auto'): Transport {
  const reports = below.address.startsWith('hid:')
  const unwrapped = /[?&]wrap=miaxis\b/.test(below.address)
  const wraps = wrapping === 'miaxis_hid' || (wrapping === 'auto' && reports)
  if (!wraps || unwrapped) return below
  return wrapped(below, reports ? () => unwrapOne : unwrapStream)
}

type Unwrapped = { parts: Uint8Array[]; noise_bytes: number }
type Unwrap = { take(bytes: Uint8Array): Unwrapped; reset(): number }

/** Noise beyond this is passed on at once: whoever sends so much floods. */
const most_noise_bytes = 4096

function wrapped(below: Transport, unwrapping: () => Unwrap): Transport {
  return {
    ...below,
    async open({ onData, onClose }) {
      const unwrap = unwrapping()
      let noise_bytes = 0
      const passNoise = () => {
        const noise = new Uint8Array(noise_bytes)
        noise_bytes = 0
        if (noise.length > 0) onData(noise)
      }
      const link = await below.open({
        onData(bytes) {
          const taken = unwrap.take(bytes)
          noise_bytes += taken.noise_bytes
          for (const part of taken.parts) onData(part)
          if (noise_bytes > most_noise_bytes) passNoise()
        },
        onClose,
      })
      return {
        write(frame) {
          // Half a report belongs to the question before.
          noise_bytes += unwrap.reset()
          passNoise()
          link.write(miaxisReport(wrapMiaxis(frame)))
        },
        close: () => link.close(),
      }
    },
  }
}

/** HID hands over whole reports. */
const unwrapOne: Unwrap = {
  take(report) {
    const unwrapped = unwrapMiaxis(report)
    return unwrapped.kind === 'part'
      ? { parts: [unwrapped.bytes], noise_bytes: 0 }
      : { parts: [], noise_bytes: report.length }
  },
  reset: () => 0,
}

function unwrapStream(): Unwrap {
  const deframer = createMiaxisReplyDeframer()
  return {
    take(bytes) {
      const { frames, discarded } = deframer.push(bytes)
      return { parts: frames, noise_bytes: sizeOf(discarded) }
    },
    reset: () => sizeOf(deframer.flush()),
  }
}

function sizeOf(discarded: readonly Discarded[]): number {
  return discarded.reduce((sum, { bytes }) => sum + bytes.length, 0)
}

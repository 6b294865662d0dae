/**
 * Exchanges with a reader, made fit to be given away: each card's text becomes a synthetic one (the
 * same card always the same), photo, fingerprint, numbers of chip and card become zero, the newest
 * address a synthetic one; lengths stay, checksums are made again and stay as wrong as they were.
 * What is not understood is left out, with its length.
 */
import { xor8 } from '#devices/std/crc.ts'
import type { Synthesis } from '../recording/synthesis.ts'
import type { Exchange } from './bench.ts'
import { hex, type Shown } from './kind.ts'

const head = 7
const status = 3
/** Preamble, LEN, status and CHK. */
const least = head + status + 1

export function syntheticSam({ label, sent, came }: Exchange, synthesis: Synthesis): Shown {
  if (came.length === 0) return { sent: hex(sent), came: '' }
  const data = came.length < least ? null : dataFor(label, came, synthesis)
  if (data === null) return { sent: hex(sent), came: `(${came.length} bytes left out)` }
  const remade = Uint8Array.from([...came.subarray(0, head + status), ...data, 0])
  const wrongness = xor8(came.subarray(5))
  remade[remade.length - 1] = xor8(remade.subarray(5)) ^ wrongness
  return { sent: hex(sent), came: hex(remade, remade.length) }
}

/** Null: nobody can say what of it is a card's. */
function dataFor(label: string, came: Uint8Array, synthesis: Synthesis): Uint8Array | null {
  const data = came.subarray(head + status, -1)
  switch (label) {
    case 'status':
    case 'sam_id':
      return data.length <= 16 ? data : null
    case 'read':
    case 'read_with_fingerprint':
      return data.length === 0 ? data : readData(data, label === 'read' ? 4 : 6, synthesis)
    default:
      return data.length <= 70 ? new Uint8Array(data.length) : null
  }
}

function readData(data: Uint8Array, lengths: number, synthesis: Synthesis): Uint8Array | null {
  // Only the lengths are taken over, and only where the text is where it belongs.
  const known = [0x0100, 0x0001].includes((data[0]! << 8) | data[1]!)
  if (!known || data.length < lengths + 256 + 1024) return null
  const text = synthesis.text(data.subarray(lengths, lengths + 256))
  const rest = new Uint8Array(data.length - lengths - 256)
  return Uint8Array.from([...data.subarray(0, lengths), ...text, ...rest])
}

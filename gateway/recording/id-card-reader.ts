/**
 * An ID-card reader's frames, fit to be kept: the text of each card becomes a synthetic one, the same
 * for the same, and so does the newest address; photo, fingerprints and the numbers of chip and card
 * become zeros. Lengths stay and checksums are made again. Of an answer whose data nobody here knows
 * only zeros are left. The module's own id passes where it has the form of one: its third group is a
 * date, which no text of a card can be.
 */
import { u16be } from '#devices/std/bytes.ts'
import {
  commandName,
  createReplyDeframer,
  createRequestDeframer,
  encodeReply,
  encodeRequest,
  readSamId,
  type SamReply,
  type SamRequestFrame,
  samStatus,
} from '#devices/wire/sam.ts'
import { byFrames, type Kept, leftOut, type Sanitiser } from './sanitiser.ts'
import type { Synthesis } from './synthesis.ts'

const text_bytes = 256
const photo_bytes = 1024
const most_address_bytes = 70
const least_request_bytes = 10

export function readerSanitiser(synthesis: Synthesis): Sanitiser {
  let asked = ''
  return byFrames(
    { deframer: createReplyDeframer(), keep: (reply) => keepReply(reply, asked, synthesis) },
    {
      deframer: createRequestDeframer(),
      keep(request) {
        asked = 'refuse' in request ? '' : commandName(request)
        return keepRequest(request)
      },
    },
  )
}

function keepRequest(request: SamRequestFrame): Kept {
  // No known request carries data; a vendor's own might carry anything.
  if ('refuse' in request) return leftOut(least_request_bytes, 'unknown')
  const bytes = encodeRequest(request)
  return request.data.length > 1 ? leftOut(bytes.length, 'unknown') : { bytes }
}

function keepReply(reply: SamReply, asked: string, synthesis: Synthesis): Kept {
  return { bytes: encodeReply({ ...reply, data: dataFor(reply, asked, synthesis) }) }
}

function dataFor(reply: SamReply, asked: string, synthesis: Synthesis): Uint8Array {
  const { data, dropped = 0 } = reply
  const zeros = new Uint8Array(data.length + dropped)
  if (isSamId(reply)) return data
  const head = headOf(reply)
  if (head !== null) {
    zeros.set(data.subarray(0, head))
    zeros.set(synthesis.text(data.subarray(head, head + text_bytes)), head)
    return zeros
  }
  const even = data.length > 0 && data.length % 2 === 0 && data.length <= most_address_bytes
  const isAddress = asked === 'read_new_address' && reply.sw3 === samStatus.success && even
  return isAddress ? synthesis.address(data) : zeros
}

/** Bytes of the lengths in front of a card's text; null for any other data. */
function headOf({ data }: SamReply): 4 | 6 | null {
  if (data.length < 4 + text_bytes + photo_bytes) return null
  if (u16be(data, 0) !== text_bytes || u16be(data, 2) !== photo_bytes) return null
  if (data.length === 4 + text_bytes + photo_bytes) return 4
  return data.length === 6 + text_bytes + photo_bytes ? 6 : null
}

function isSamId(reply: SamReply): boolean {
  const date = readSamId(reply)?.split('-')[1] ?? ''
  return /^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/.test(date)
}

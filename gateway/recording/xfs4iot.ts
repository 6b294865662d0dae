/**
 * Messages of a kiosk service, fit to be kept: header, and of the payload what tells of the device.
 * What was read off a card and what was printed become zeros of the same length; of every message not
 * listed here the payload is left out but for its error code.
 */
import {
  codeShown,
  createXfsDeframer,
  membersOf,
  recordOf,
  type XfsMessage,
} from '#devices/wire/xfs4iot.ts'
import { byFrames, type Kept, leftOut, type Sanitiser } from './sanitiser.ts'

/** Their payloads tell of devices, services and lights only. */
const open_messages: ReadonlySet<string> = new Set([
  'ServicePublisher.GetServices',
  'ServicePublisher.ServiceDetailEvent',
  'Common.Status',
  'Common.Capabilities',
  'Common.Cancel',
  'Common.StatusChangedEvent',
  'CardReader.Move',
  'CardReader.InsertCardEvent',
  'CardReader.MediaInsertedEvent',
  'CardReader.MediaRemovedEvent',
  'Printer.ControlMedia',
  'Lights.SetLight',
])
/** As words of the protocol are; anything else that is text might be read off something. */
const word = /^[a-z][A-Za-z]{0,31}$/
const dataless: ReadonlySet<string> = new Set(['CardReader.ReadRawData', 'Printer.PrintRaw'])
const most_nesting = 8

export function xfsSanitiser(): Sanitiser {
  return byFrames(
    { deframer: createXfsDeframer(), keep },
    { deframer: createXfsDeframer(), keep },
    // Events come whenever they like.
    { speaks_first: true },
  )
}

function keep(message: XfsMessage): Kept {
  const { name, type, request_id, version, status, completion_code, bytes } = message
  const codes = [status, completion_code].filter((code) => code !== null)
  const plain = /^[A-Za-z]{1,32}\.[A-Za-z]{1,64}$/.test(name) && /^[\d.]{0,8}$/.test(version ?? '')
  if (!plain || !codes.every((code) => codeShown(code) === code)) return leftOut(bytes, 'unknown')
  const header = {
    name,
    ...(request_id === null ? {} : { requestId: request_id }),
    type,
    ...(version === null ? {} : { version }),
    ...(status === null ? {} : { status }),
    ...(completion_code === null ? {} : { completionCode: completion_code }),
  }
  return { bytes: recordOf(JSON.stringify({ header, payload: payloadOf(message) })) }
}

function payloadOf({ name, payload }: XfsMessage): unknown {
  if (open_messages.has(name)) return payload
  if (dataless.has(name)) return blank(payload, 0)
  const { errorCode } = payload
  return typeof errorCode === 'string' && word.test(errorCode) ? { errorCode } : {}
}

/** Members stay, words of the protocol stay, `data` becomes as many zeros, all else goes. */
function blank(value: unknown, depth: number): unknown {
  if (depth > most_nesting) return null
  if (Array.isArray(value)) return value.map((one) => blank(one, depth + 1))
  if (typeof value !== 'object') return typeof value === 'boolean' ? value : null
  const members = Object.entries(membersOf(value)).map(([name, member]) => [
    name,
    typeof member === 'string' ? blankText(name, member) : blank(member, depth + 1),
  ])
  return value === null ? null : Object.fromEntries(members)
}

function blankText(name: string, text: string): string {
  // Base64 of zeros is letters A, with what pads it in place.
  if (name === 'data') return text.replaceAll(/[^=]/g, 'A')
  return ['status', 'errorCode', 'inputData'].includes(name) && word.test(text) ? text : ''
}

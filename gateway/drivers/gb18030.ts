/**
 * Text for printers and speech in GB18030. The only place of the gateway that knows iconv-lite.
 * A character the code does not have cannot occur: GB18030 covers all of Unicode; a lone surrogate
 * becomes `?`.
 */
import iconv from 'iconv-lite'

export function encodeGb18030(text: string): Uint8Array {
  return iconv.encode(text.toWellFormed().replaceAll('\ufffd', '?'), 'gb18030')
}

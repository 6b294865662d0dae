/** Lines of a segment by number, without copying or decoding them. */

const LINE_FEED = 0x0a

/** Lines `from` to `until` (not included, from 0), each with its line feed. */
export function cutLines(bytes: Uint8Array, from: number, until: number): Uint8Array {
  let start = 0
  for (let i = 0; i < from; i++) start = afterLine(bytes, start)
  let end = start
  for (let i = from; i < until; i++) end = afterLine(bytes, end)
  return bytes.subarray(start, end)
}

function afterLine(bytes: Uint8Array, from: number): number {
  const at = bytes.indexOf(LINE_FEED, from)
  return at < 0 ? bytes.length : at + 1
}

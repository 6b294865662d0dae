/** What a printer's character generator knows. The only place of the simulator with iconv-lite. */
import iconv from 'iconv-lite'

export function decodeGb18030(bytes: Uint8Array): string {
  return iconv.decode(bytes, 'gb18030')
}

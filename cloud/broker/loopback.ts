/** Which hosts stay inside this machine: only there may MQTT go without TLS unasked. */
import { isIPv4 } from 'node:net'

/** Only literal addresses and the one name that the standards reserve for it. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  if (isIPv4(name)) return name.startsWith('127.')
  return name === '::1' || name === 'localhost'
}

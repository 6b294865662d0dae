/** What counts as this machine: the one rule that decides whether TLS is needed. */
import { isIPv4 } from 'node:net'

/** Host as in a URL or a config, IPv6 with or without brackets. A name other than localhost is not. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  if (bare === 'localhost' || bare === '::1') return true
  const v4 = bare.startsWith('::ffff:') ? bare.slice('::ffff:'.length) : bare
  return isIPv4(v4) && v4.startsWith('127.')
}

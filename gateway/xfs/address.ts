/** Where a kiosk service is, as the configuration says it. Pure. */

/** Null where it can be used; otherwise what is wrong. */
export function xfsAddressProblem(at: string): string | null {
  if (!URL.canParse(at)) return 'must look like ws://host:port/xfs4iot/v1.0/CardReader'
  const { protocol, pathname, username, password, search, hash } = new URL(at)
  if (protocol !== 'ws:' && protocol !== 'wss:') return 'must begin with ws:// or wss://'
  if (username !== '' || password !== '' || search !== '' || hash !== '') {
    return 'has a host, a port and a path, nothing else'
  }
  return pathname.startsWith('/xfs4iot/') ? null : 'the path begins with /xfs4iot/'
}

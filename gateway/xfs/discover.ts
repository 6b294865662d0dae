/**
 * Asks a host which XFS4IoT services it has: on each port of the specification, at its publisher.
 * Only asks; nothing found is used by itself. A service that lies on another host than the one that
 * was asked is told as such.
 *
 * Source: X1 XFSConstants.cs (ports), ServicePublisher (GetServices, ServiceDetailEvent).
 */
import { type Pace, sleep } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import { createXfsDeframer, printCommand, recordOf } from '#devices/wire/xfs4iot.ts'
import { commandOf, servicesOf } from '#devices/wire/xfs4iot-members.ts'
import { webSocketTransport } from './web-socket.ts'

/** 80 without TLS and 443 with it; the others either way. */
export const xfs_ports = [
  80, 443, 5846, 5847, 5848, 5849, 5850, 5851, 5852, 5853, 5854, 5855, 5856,
] as const
const PATH = '/xfs4iot/v1.0'
const services_most = 64

export type FoundService = {
  /** `ws://kiosk:5846/xfs4iot/v1.0/CardReader`: what `at` of a device is. */
  uri: string
  vendor: string | null
  /** The publisher that named it. */
  publisher: string
  /** It is on another host than that one. */
  elsewhere: boolean
}

export type DiscoverOptions = {
  ports?: readonly number[]
  /** For one port, connecting included. */
  wait_ms?: number
  ca?: string
}

/** Every service of every publisher that answered, each once; none where nobody did. */
export async function discoverXfs(
  host: string,
  { pace }: { pace: Pace },
  { ports = xfs_ports, wait_ms = 3_000, ca }: DiscoverOptions = {},
): Promise<FoundService[]> {
  const named = host.includes(':') ? `[${host}]` : host
  const publishers = ports.flatMap((port) => {
    const schemes = port === 80 ? ['ws'] : port === 443 ? ['wss'] : ['ws', 'wss']
    return schemes.map((scheme) => `${scheme}://${named}:${port}${PATH}`)
  })
  const options = { wait_ms, ...(ca === undefined ? {} : { ca }) }
  const found = await Promise.all(publishers.map((url) => askPublisher(pace, url, options)))
  const byUri = new Map(found.flat().map((service) => [service.uri, service]))
  return [...byUri.values()].slice(0, services_most)
}

async function askPublisher(
  pace: Pace,
  url: string,
  { wait_ms, ca }: { wait_ms: number; ca?: string },
): Promise<FoundService[]> {
  const found: FoundService[] = []
  const done = Promise.withResolvers<void>()
  const deframer = createXfsDeframer()
  const given = { url, connect_ms: wait_ms, ...(ca === undefined ? {} : { ca }) }
  const link = await webSocketTransport(pace, given)
    .open({
      onData(bytes) {
        for (const message of deframer.push(bytes).frames) {
          if (message.request_id !== 1) continue
          const { type, name, payload } = message
          const detail = type === 'event' && name === 'ServicePublisher.ServiceDetailEvent'
          const answer = type === 'completion' && name === 'ServicePublisher.GetServices'
          if (detail || answer) found.push(...readServices(payload, url))
          const refused = type === 'acknowledge' && message.status !== null
          if (answer || refused || found.length >= services_most) done.resolve()
        }
      },
      onClose: () => done.resolve(),
    })
    .catch((error: unknown) => {
      if (error instanceof Fault) return null
      throw error
    })
  if (link === null) return []
  const parts = { request_id: 1, timeout_ms: wait_ms }
  link.write(recordOf(printCommand(commandOf('ServicePublisher.GetServices', parts))))
  await Promise.race([done.promise, sleep(pace, wait_ms, 'discovery')])
  link.close()
  return found
}

function readServices(
  payload: Readonly<Record<string, unknown>>,
  publisher: string,
): FoundService[] {
  const { vendor, uris } = servicesOf(payload)
  return uris.flatMap((uri) => {
    if (!URL.canParse(uri)) return []
    const { protocol, hostname, username, search } = new URL(uri)
    if (!/^wss?:$/.test(protocol) || username !== '' || search !== '') return []
    const elsewhere = hostname.toLowerCase() !== new URL(publisher).hostname.toLowerCase()
    return [{ uri, vendor, publisher, elsewhere }]
  })
}

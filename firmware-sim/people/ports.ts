/**
 * Ports of this machine that nobody listens on at the moment. Never of the range that outgoing links
 * are given theirs from: a port of that range may be somebody's while its owner restarts, and a link
 * that is tried again and again can even meet itself there.
 */
import { createServer } from 'node:net'

const FIRST = 15_000
const LAST = 32_000
const TRIES = 200

/** Different ones; whoever asks at the same moment may still get the same. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  for (let tries = 0; tries < TRIES * count && ports.size < count; tries++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST))
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  return [...ports]
}

/** Whether somebody could listen there now. */
export function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)))
  })
}

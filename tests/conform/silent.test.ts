/** Nothing to judge: devices that are late, silent, or close their link at once. */
import net from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { Bench } from '../../gateway/conform/bench.ts'
import { nobodyThere } from '../../gateway/conform/helpers.ts'
import { conformKinds, ownSteps } from '../../gateway/conform/kinds.ts'
import { runSteps } from '../../gateway/conform/run.ts'
import { realPace } from '../../gateway/pace.ts'
import { tcpTransport } from '../../gateway/transports/tcp.ts'
import { quick, tryOut } from './bench-fixture.ts'

it('a device that answers late is told as that, and no late answer is taken for the next', async () => {
  const options = { reply_ms: 600, quiet_ms: 60 }
  const settings = { sam_delay_ms: '850' }
  const { results } = await tryOut('id_card_reader', { settings, options })
  const failed = results.filter(({ verdict }) => verdict === 'fail' || verdict === 'differs')
  expect(failed.length).toBeGreaterThan(3)
  for (const { says } of failed) {
    expect(says.en).toMatch(/^the answer came too late, after \d+ ms/)
    expect(says.zh).toMatch(/应答太迟/)
  }
})

type Far = { at: { host: string; port: number }; close: () => void }
const open: Far[] = []

function far(meet: (socket: net.Socket) => void): Promise<Far> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    meet(socket)
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      const made = { at: { host: '127.0.0.1', port }, close: () => void server.close() }
      open.push(made)
      resolve(made)
    })
  })
}

async function tried(type: string, meet: (socket: net.Socket) => void) {
  const { at } = await far(meet)
  const transport = tcpTransport(realPace, at)
  const options = { ...quick, reply_ms: 120, quiet_ms: 60 }
  await using bench = new Bench({ transport, pace: realPace, helper: nobodyThere }, options)
  await bench.connect()
  return await runSteps(conformKinds.get(type)!, bench)
}

describe.concurrent('nothing behind the address', () => {
  afterAll(() => {
    for (const { close } of open) close()
  })

  it.each([...ownSteps.keys()])('%s that never says a word passes in nothing', async (type) => {
    const results = await tried(type, (socket) => socket.resume())
    expect(results.filter(({ verdict }) => verdict === 'pass')).toEqual([])
  })

  // A rater is asked nothing while nobody is there to press it.
  const spoken = [...ownSteps.keys()].filter((type) => type !== 'ff68_rater')
  it.each(spoken)('%s whose link closes at once is told as that', async (type) => {
    const results = await tried(type, (socket) => socket.destroy())
    expect(results.filter(({ verdict }) => verdict === 'pass')).toEqual([])
    const failed = results.filter(({ verdict }) => verdict === 'fail')
    expect(failed.length).toBeGreaterThan(0)
    for (const { says } of failed) {
      expect(says.en).toMatch(/closed the link/)
      expect(says.zh).toMatch(/断开/)
    }
  })
})

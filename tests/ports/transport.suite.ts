/** What every transport keeps, run over each adapter with a far end of its own. */
import { afterEach, describe, expect, it } from 'vitest'
import { isFault } from '#devices/std/fault.ts'
import type { Link, Transport } from '../../gateway/transports/transport.ts'

/** The other end of a cable. `pull` ends it as an unplugged cable does, `plug` puts it back. */
export interface FarEnd extends AsyncDisposable {
  readonly transport: Transport
  send(bytes: Uint8Array): void
  /** All that arrived since the last plug. */
  received(): Uint8Array
  /** From here on it takes nothing. */
  stop(): void
  pull(): Promise<void>
  plug(): Promise<void>
}

export type TransportAdapter = {
  name: string
  /** Plugged. */
  farEnd(): Promise<FarEnd>
  /** Tells when a device is back. */
  watches: boolean
}

type Heard = { bytes: number[]; closed: string[]; late: number }

export function transportSuite({ name, farEnd, watches }: TransportAdapter): void {
  describe(`transport: ${name}`, () => {
    const links: Link[] = []
    afterEach(() => {
      for (const link of links.splice(0)) link.close()
    })

    async function opened(far: FarEnd): Promise<{ link: Link; heard: Heard }> {
      const heard: Heard = { bytes: [], closed: [], late: 0 }
      const link = await far.transport.open({
        onData(bytes) {
          if (heard.closed.length > 0) heard.late += 1
          heard.bytes.push(...bytes)
        },
        onClose: (reason) => heard.closed.push(reason),
      })
      links.push(link)
      return { link, heard }
    }

    it('carries all bytes both ways in their order', async () => {
      await using far = await farEnd()
      const { link, heard } = await opened(far)
      const all = Uint8Array.from({ length: 2048 }, (_, i) => (i * 7) & 0xff)
      for (let at = 0; at < all.length; at += 100) link.write(all.subarray(at, at + 100))
      await until(() => far.received().length === all.length)
      expect([...far.received()]).toEqual([...all])
      far.send(all)
      await until(() => heard.bytes.length === all.length)
      expect(heard.bytes).toEqual([...all])
      expect(heard.closed).toEqual([])
    })

    it('sends what it was given, whatever the caller does with the array afterwards', async () => {
      await using far = await farEnd()
      const { link } = await opened(far)
      const bytes = Uint8Array.from([1, 2, 3])
      link.write(bytes)
      bytes.fill(9)
      await until(() => far.received().length === 3)
      expect([...far.received()]).toEqual([1, 2, 3])
    })

    it('tells once that the far end is gone, though nobody writes', async () => {
      await using far = await farEnd()
      const { link, heard } = await opened(far)
      far.send(Uint8Array.from([1]))
      await until(() => heard.bytes.length === 1)
      await far.pull()
      await until(() => heard.closed.length > 0)
      link.write(Uint8Array.from([2]))
      link.close()
      await turns(20)
      expect(heard.closed).toHaveLength(1)
      expect(heard.closed[0]).not.toBe('closed')
      expect(heard.late).toBe(0)
    })

    it('tells that it was closed, once, and drops what comes later', async () => {
      await using far = await farEnd()
      const { link, heard } = await opened(far)
      far.send(Uint8Array.from([1]))
      await until(() => heard.bytes.length === 1)
      link.close()
      link.close()
      far.send(Uint8Array.from([2, 3]))
      await turns(20)
      expect(heard).toEqual({ bytes: [1], closed: ['closed'], late: 0 })
    })

    it('opens again at once after it was closed', async () => {
      await using far = await farEnd()
      for (let round = 0; round < 3; round++) {
        const { link, heard } = await opened(far)
        link.write(Uint8Array.from([round]))
        await until(() => far.received().at(-1) === round)
        link.close()
        expect(heard.closed).toEqual(['closed'])
      }
    })

    it('says device_gone where nobody is, and works when somebody is back', async () => {
      await using far = await farEnd()
      await far.pull()
      const refused = await opened(far).catch((fault: unknown) => fault)
      expect(isFault(refused, 'device_gone')).toBe(true)
      await far.plug()
      const { link } = await opened(far)
      link.write(Uint8Array.from([5]))
      await until(() => far.received().length === 1)
    })

    it('closes a link whose far end takes nothing, and holds no more than it may', async () => {
      await using far = await farEnd()
      const { link, heard } = await opened(far)
      far.stop()
      const piece = new Uint8Array(16 * 1024)
      while (heard.closed.length === 0) {
        link.write(piece)
        await turns(1)
      }
      expect(heard.closed).toEqual(['stalled'])
    })

    it.runIf(watches)('tells a session that waits when the device is back', async () => {
      await using far = await farEnd()
      const { heard } = await opened(far)
      await far.pull()
      await until(() => heard.closed.length === 1)
      let back = 0
      const cancel = far.transport.watch!(() => {
        back += 1
      })
      await far.plug()
      await until(() => back > 0)
      cancel()
      const { link } = await opened(far)
      link.write(Uint8Array.from([6]))
      await until(() => far.received().length === 1)
      expect(back).toBe(1)
    })
  })
}

/** Waits without a deadline of its own: the runner's is enough. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turns(1)
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 2))
}

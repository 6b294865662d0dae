/**
 * Who stands beside the device: nobody, a person at the terminal, or the simulated hands behind a
 * simulator's control port. Raises Fault `device_gone` where that port cannot be reached.
 */
import { once } from 'node:events'
import net from 'node:net'
import { createInterface, type Interface } from 'node:readline'
import { Fault } from '#devices/std/fault.ts'
import type { Hand, Helper } from './bench.ts'
import type { Bilingual } from './kind.ts'

export const nobodyThere: Helper = {
  hand: async () => false,
  sees: async () => null,
}

/** What is said to a person, in both languages unless one was chosen. */
export type Say = (text: Bilingual) => string

/** These are awaited on the line itself: the step listens at once. */
const listenedFor: readonly Hand[] = ['press', 'rate', 'type_pin', 'type_password', 'cancel']

export interface Person extends Helper, AsyncDisposable {}

export function personAt(
  input: NodeJS.ReadableStream,
  write: (line: string) => void,
  say: Say,
): Person {
  const lines: Interface = createInterface({ input })
  const answers = lines[Symbol.asyncIterator]()
  let gone = false
  lines.on('close', () => {
    gone = true
  })
  const answer = async () => {
    const { done, value } = await answers.next()
    return done === true ? 's' : String(value).trim().toLowerCase()
  }
  return {
    async hand(hand, _argument, prompt) {
      // The end of the input is a person who left.
      if (gone) return false
      if (listenedFor.includes(hand)) {
        write(`  >> ${say(prompt)}`)
        return true
      }
      write(
        `  >> ${say(prompt)}  ${say({ zh: '[回车=好了，s=跳过]', en: '[Enter: done, s: skip]' })}`,
      )
      return (await answer()) !== 's'
    },
    async sees(question) {
      if (gone) return null
      write(`  >> ${say(question)}  ${say({ zh: '[y/n，s=跳过]', en: '[y/n, s: skip]' })}`)
      const said = await answer()
      return said.startsWith('y') || said === '是'
        ? true
        : said.startsWith('n') || said === '否'
          ? false
          : null
    },
    async [Symbol.asyncDispose]() {
      lines.close()
    },
  }
}

/** `at`: `host:port/DEVICE`, as `npm run sim -- --control` opened it. */
export async function handsAt(at: string): Promise<Person> {
  const match = /^(?:tcp:\/\/)?([^/]+):(\d+)\/(.+)$/.exec(at)
  if (match === null)
    throw new Fault('config_invalid', '--hands must look like 127.0.0.1:5199/device')
  const [, host, port, device] = match
  const socket = net.connect({ host: host!, port: Number(port) })
  await once(socket, 'connect').catch((cause: NodeJS.ErrnoException) => {
    throw new Fault('device_gone', `--hands ${at} ${cause.code ?? ''}`, { cause })
  })
  socket.on('error', () => {})
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]()
  return {
    async hand(hand, argument) {
      socket.write(`${device} ${hand} ${argument}\n`)
      const { value } = await answers.next()
      return value === 'ok'
    },
    sees: async () => null,
    async [Symbol.asyncDispose]() {
      socket.destroy()
    },
  }
}

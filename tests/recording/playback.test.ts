/** A recording in a device's place: what it waits for, what it says, and how it follows a host that asks otherwise. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { type Recording, type RecordingEntry, recordingLine } from '#devices/contract/recording.ts'
import { fromHex, toHex } from '#devices/std/bytes.ts'
import { encodeCommand, encodePrinterReply } from '#devices/wire/escpos.ts'
import { encodeModbusReply, encodeModbusRequest } from '#devices/wire/modbus-rtu.ts'
import { encodeReply, encodeRequest, replyOf, samCommands } from '#devices/wire/sam.ts'
import { canariesOf, cardOf } from '../../firmware-sim/people/cards.ts'
import { Playback } from '../../firmware-sim/playback/playback.ts'
import { scriptOf } from '../../firmware-sim/playback/script.ts'
import { VirtualPace } from '../drivers/wired.ts'
import { dressesOf, searchFor } from '../replay/canaries.ts'
import { playBack, record } from './support.ts'

type Line = ['in' | 'out' | 'open' | 'closed', Uint8Array?] | ['left', number]

/** Entries ten ms after each other. */
function recordingOf(type: string, ...lines: Line[]): Recording {
  const entries = lines.map(([what, value], at): RecordingEntry => {
    const t_ms = at * 10
    if (what === 'left') return { t_ms, dir: 'in', length: value as number, what: 'noise' }
    if (what === 'open' || what === 'closed') return { t_ms, dir: 'link', event: what, reason: '' }
    return { t_ms, dir: what, hex: toHex(value as Uint8Array) }
  })
  return { head: { v: 1, device: 'd', type, at: 'tcp://x', started: '' }, entries }
}

async function play(recording: Recording, speed = 1) {
  const pace = new VirtualPace()
  const playback = new Playback(scriptOf(recording, speed), { pace }, { late_ms: 5000 })
  const said: string[] = []
  let ended = false
  playback.onEnd = () => {
    ended = true
  }
  const attach = () => playback.attach((bytes) => said.push(toHex(bytes)))
  playback.onHangUp = () => {
    said.push('hung up')
    playback.detach()
  }
  attach()
  return {
    playback,
    said,
    attach,
    ended: () => ended,
    differences: () => Object.fromEntries(playback.differences),
    async ask(bytes: Uint8Array, most_ms = 1000) {
      playback.receive(bytes)
      await pace.until(() => false, most_ms)
      return said.splice(0)
    },
    rest: (ms: number) => pace.until(() => false, ms),
  }
}

const ask = { find: encodeRequest(samCommands.find), id: encodeRequest(samCommands.read_id) }
const none = encodeReply(replyOf('find_failed'))
const there = encodeReply(replyOf('card_found', new Uint8Array(4)))
const fine = encodeReply(replyOf('success'))

it('answers question by question, and is over at the end', async () => {
  const run = await play(
    recordingOf(
      'id_card_reader',
      ['open'],
      ['out', ask.id],
      ['in', fine],
      ['out', ask.find],
      ['in', there],
    ),
  )
  expect(await run.ask(ask.id)).toEqual([toHex(fine)])
  expect(run.ended()).toBe(false)
  expect(await run.ask(ask.find)).toEqual([toHex(there)])
  expect(run.ended()).toBe(true)
  expect(run.differences()).toEqual({})
})

it('stands still for a question out of turn, and goes on behind one nobody asks', async () => {
  const run = await play(
    recordingOf(
      'id_card_reader',
      ['open'],
      ['out', ask.find],
      ['in', none],
      ['out', ask.id],
      ['in', fine],
      ['out', ask.find],
      ['in', there],
    ),
  )
  expect(await run.ask(ask.find)).toEqual([toHex(none)])
  for (let i = 0; i < 3; i++) expect(await run.ask(ask.find)).toEqual([toHex(none)])
  await run.rest(6000)
  expect(await run.ask(ask.find)).toEqual([toHex(there)])
  expect(run.differences()).toEqual({ 'out_of_turn find': 3, 'not_asked read_id': 1 })
  expect(await run.ask(encodeRequest(samCommands.status))).toEqual([])
})

it('what it never heard it does not answer, and noise it does not make up', async () => {
  const run = await play(
    recordingOf('id_card_reader', ['open'], ['left', 7], ['out', ask.find], ['in', none]),
  )
  expect(await run.ask(encodeRequest(samCommands.status))).toEqual([])
  expect(run.differences()).toEqual({
    'left_out noise, 7 bytes': 1,
    'out_of_turn status': 1,
    'unanswered status': 1,
  })
})

it('hangs up where the link was closed, and goes on with the next', async () => {
  const run = await play(
    recordingOf(
      'id_card_reader',
      ['closed'],
      ['open'],
      ['out', ask.find],
      ['in', none],
      ['closed'],
      ['open'],
      ['out', ask.find],
      ['in', there],
    ),
  )
  expect(await run.ask(ask.find)).toEqual([toHex(none), 'hung up'])
  run.attach()
  expect(await run.ask(ask.find)).toEqual([toHex(there)])
  expect(run.ended()).toBe(true)
})

it('a paper’s process id is that of this run', async () => {
  const id = (text: string) => encodeCommand({ command: 'process_id', id: Buffer.from(text) })
  const printed = (text: string) =>
    encodePrinterReply({ reply: 'process_id', id: Buffer.from(text) })
  const run = await play(
    recordingOf('ticket_printer', ['open'], ['out', id('A001')], ['in', printed('A001')]),
  )
  expect(await run.ask(id('B777'))).toEqual([toHex(printed('B777'))])
  expect(run.differences()).toEqual({})
})

it('a number that is shown may be another, and is told', async () => {
  const show = (value: number) =>
    encodeModbusRequest({ address: 1, function: 'write_many', start: 0x50, values: [1, value] })
  const shown = encodeModbusReply({ address: 1, function: 'write_many', start: 0x50, count: 2 })
  const run = await play(recordingOf('call_pad', ['open'], ['out', show(7)], ['in', shown]))
  expect(await run.ask(show(8))).toEqual([toHex(shown)])
  expect(run.differences()).toEqual({ 'content 1 write_many 50 0': 1 })
})

it('faster, it leaves out what repeats itself', () => {
  const polls = Array.from({ length: 100 }, (): Line[] => [
    ['out', ask.find],
    ['in', none],
  ]).flat()
  const recording = recordingOf(
    'id_card_reader',
    ['open'],
    ...polls,
    ['out', ask.find],
    ['in', there],
  )
  const questions = (speed: number) =>
    scriptOf(recording, speed).steps.filter((step) => step.do === 'hear').length
  expect(questions(1)).toBe(101)
  expect(questions(10)).toBe(11)
})

it('a reader behind HID reports is recorded as what its frames say, without a field of the cards', async () => {
  const wrapped = {
    settings: { wrapping: 'miaxis_hid' },
    options: { wrapping: 'miaxis_hid' },
    use: async ({ inputs, until }, hands) => {
      hands.lay_card?.('7')
      await until('a card', () => inputs.length === 1)
    },
  } satisfies Parameters<typeof record>[1]
  const recorded = await record('id_card_reader', wrapped)
  const search = searchFor(canariesOf(cardOf('sim', 7)).flatMap(dressesOf))
  expect(search(Buffer.from(recorded.text))).toEqual([])
  const read = recorded.recording.entries.find((one) => 'hex' in one && one.hex.length > 2000)
  expect(fromHex((read as { hex: string }).hex).subarray(0, 5)).toEqual(fromHex('aaaaaa9669'))
  const plain = { ...wrapped, options: {} }
  expect((await playBack(recorded, plain)).inputs).toEqual(recorded.inputs)
})

const main = resolve(import.meta.dirname, '../../firmware-sim/main.ts')

it('npm run sim -- --play: on a port, to its end, with what differed; what is no recording is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-play-'))
  const { head, entries } = recordingOf(
    'id_card_reader',
    ['open'],
    ['out', ask.find],
    ['in', there],
  )
  const file = join(folder, 'a.jsonl')
  await writeFile(file, [head, ...entries].map(recordingLine).join(''))
  const sim = (...args: string[]) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const out: string[] = []
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes) => out.push(String(bytes)))
    }
    return { child, out: () => out.join(''), closed: once(child, 'close') }
  }
  const playing = sim('--play', file, '--port', '0', '--speed', '2')
  let port = 0
  while (port === 0) {
    if (playing.child.exitCode !== null) throw new Error(`ended early: ${playing.out()}`)
    await new Promise((wake) => setTimeout(wake, 20))
    port = Number(/tcp:\/\/127\.0\.0\.1:(\d+)[\s\S]*ready 3 entries/.exec(playing.out())?.[1] ?? 0)
  }
  const socket = connect(port, '127.0.0.1')
  socket.write(encodeRequest(samCommands.status))
  socket.write(ask.find)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(answer.equals(Buffer.from(there))).toBe(true)
  const [code] = await playing.closed
  socket.destroy()
  expect([code, playing.out()]).toEqual([0, expect.stringContaining('played 3 of 3 steps')])
  expect(playing.out()).toContain('differs: unanswered status (1)')

  const strange = join(folder, 'b.jsonl')
  await writeFile(strange, recordingLine({ ...head, type: 'thermometer' }))
  const bad = join(folder, 'c.jsonl')
  await writeFile(bad, 'hello\n')
  const refusals = [strange, bad, join(folder, 'none')].map((path) => sim('--play', path))
  const codes = await Promise.all(refusals.map(async ({ closed }) => (await closed)[0]))
  expect(codes).toEqual([1, 1, 1])
  const words = ['thermometer', 'line 1', 'no such thing']
  for (const [at, word] of words.entries()) expect(refusals[at]!.out()).toContain(word)
  await rm(folder, { recursive: true })
})

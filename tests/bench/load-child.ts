/**
 * The halls of a load, in a process of its own: batches made beforehand, one in flight a hall, the
 * next one only after its receipt. Told what to do over IPC; see {@link Job}.
 */
import { Receipt } from '#devices/contract/receipt.ts'
import { topic } from '#devices/contract/topics.ts'
import { type HallOf, logTexts, type Prepared, prepare } from './batches.ts'
import { openRawLink, type RawLink } from './mqtt-raw.ts'

export type Job = {
  url: string
  halls: HallOf[]
  /** What is sent at each call, and how. */
  phases: { gzipped: boolean; batches: number }[]
  /** Different logs; halls beyond share them. */
  logs: number
}
export type Told =
  | { type: 'ready'; records: number; text_bytes: number }
  | { type: 'done'; records: number; wire_bytes: number; wall_ms: number; cpu_s: number }

const tell = (told: Told) => process.send?.(told)

type Sender = { hall: HallOf; batches: Prepared[]; link: RawLink; next: number; upto: number }

let waiting = 0
let phaseDone = () => {}

async function openHall(hall: HallOf, batches: Prepared[], url: string): Promise<Sender> {
  const sender: Sender = { hall, batches, link: null as never, next: 0, upto: 0 }
  sender.link = await openRawLink({
    ...{ url, client_id: 'load', username: hall.hall, password: hall.password },
    subscribe: topic(hall.hall, 'receipt'),
    onMessage: (payload) => take(sender, payload),
    onLost: (why) => fail(`${hall.hall}: ${why}`),
  })
  return sender
}

function fail(why: string): never {
  console.error(`load: ${why}`)
  process.exit(1)
}

function take(sender: Sender, payload: Buffer): void {
  const receipt = Receipt.parse(JSON.parse(payload.toString()))
  const { last } = sender.batches[sender.next]!
  if (receipt.status !== 'held' || receipt.seq !== last || receipt.rejected.length > 0)
    fail(`${sender.hall.hall}: wanted ${last}, got ${JSON.stringify(receipt)}`)
  sender.next++
  if (sender.next < sender.upto) send(sender)
  else if (--waiting === 0) phaseDone()
}

function send(sender: Sender): void {
  sender.link.publish(topic(sender.hall.hall, 'log'), sender.batches[sender.next]!.payload)
}

async function runPhase(senders: Sender[], batches: number): Promise<Told> {
  const began = performance.now()
  const cpu = process.cpuUsage()
  await new Promise<void>((resolve) => {
    phaseDone = resolve
    waiting = senders.length
    for (const sender of senders) {
      sender.upto = sender.next + batches
      send(sender)
    }
  })
  const used = process.cpuUsage(cpu)
  const sent = senders.flatMap((s) => s.batches.slice(s.next - batches, s.next))
  return {
    type: 'done',
    records: sent.reduce((sum, b) => sum + b.records, 0),
    wire_bytes: sent.reduce((sum, b) => sum + b.payload.length, 0),
    wall_ms: performance.now() - began,
    cpu_s: (used.user + used.system) / 1e6,
  }
}

process.once('message', async ({ url, halls, phases, logs }: Job) => {
  const how = phases.flatMap(({ gzipped, batches }) => Array<boolean>(batches).fill(gzipped))
  const texts = logTexts(logs, how.length * 1_000 - 1)
  const gzipped = (batch: number) => how[batch] ?? true
  // All of it before the first link: a hall that takes its time to enter is shown out.
  const prepared = halls.map((hall, i) => prepare(hall, texts[i % logs]!, gzipped))
  const senders = await Promise.all(halls.map((hall, i) => openHall(hall, prepared[i]!, url)))
  const first = senders[0]!.batches
  tell({
    type: 'ready',
    records: first.reduce((sum, b) => sum + b.records, 0),
    text_bytes: first.reduce((sum, b) => sum + b.text_bytes, 0),
  })
  let next = 0
  process.on('message', async () => tell(await runPhase(senders, phases[next++]!.batches)))
})
process.once('disconnect', () => process.exit())

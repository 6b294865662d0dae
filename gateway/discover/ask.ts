/**
 * Asks one place who is there. First it listens: who talks without being asked is not disturbed, but
 * for a panel that greets. Then the protocols in their order, on each of their lines, until one is
 * answered. Raises nothing: a place that cannot be opened says why.
 */
import type { Pace } from '#devices/std/clock.ts'
import { type Fault, isFault } from '#devices/std/fault.ts'
import { silent } from '#devices/std/log.ts'
import { Bench, link_closed } from '../conform/bench.ts'
import { nobodyThere } from '../conform/helpers.ts'
import { knownDeviceTypes } from '../drivers/known-types.ts'
import { readerTransport } from '../drivers/reader-wrapping.ts'
import { parseAddress, plainLine, printAddress, type SerialLine } from '../transports/address.ts'
import { type SharedParts, transportFor } from '../transports/open.ts'
import type { Place } from './places.ts'
import { type Ask, type Greeted, greetPjlink, isEcho, protocols, type Wishes } from './protocols.ts'

export type Verdict =
  | 'answered'
  /** Nobody answered a question. */
  | 'silent'
  /** Something talks without being asked, and is nothing that is known. */
  | 'talks'
  /** Answers came that no protocol knows. */
  | 'unknown'
  /** What is sent comes back: a plug that joins the two wires. */
  | 'echo'
  | 'in_use'
  | 'no_permission'
  | 'gone'
  | 'unsupported'
  | 'not_asked'

export type Proposal = Greeted & { at: string }
export type Report = Place & { verdict: Verdict; detail: string; proposals: readonly Proposal[] }

const most_tries = 5
const again_ms = 200

export type AskParts = { pace: Pace; shared: SharedParts }
export type AskOptions = Wishes & { listen_ms: number }
export const askDefaults: AskOptions = { every_unit: false, extra_ms: 0, listen_ms: 400 }

export async function askPlace(
  place: Place,
  parts: AskParts,
  options: AskOptions = askDefaults,
): Promise<Report> {
  const report = (verdict: Verdict, detail = '', proposals: readonly Proposal[] = []): Report => ({
    ...place,
    ...{ verdict, detail, proposals },
  })
  if (place.why_not !== null) return report('not_asked', place.why_not)
  await using asking = new Asking(place, parts)
  try {
    const heard = await asking.listen(options.listen_ms)
    const panel = await greetPjlink(asking.ask, heard.first)
    if (panel.length > 0) return report('answered', '', asking.proposals(panel))
    if (heard.again.length > 0) return report('talks', `${heard.bytes} bytes`)
    const found = await greetAll(asking, options)
    if (found.length > 0) return report('answered', '', found)
    if (asking.echoed) return report('echo')
    return asking.strays > 0 ? report('unknown', `${asking.strays} bytes`) : report('silent')
  } catch (error) {
    if (!isFault(error)) throw error
    return report(verdictOf(error), error.message)
  }
}

async function greetAll(asking: Asking, options: AskOptions): Promise<Proposal[]> {
  for (const protocol of protocols) {
    if (!asking.place.asks.includes(protocol.name)) continue
    for (const line of asking.linesFor(protocol.lines)) {
      await asking.setLine(line)
      const found = await protocol.greet(asking.ask, options)
      if (found.length > 0) return asking.proposals(found)
      // Who echoes hears itself on every line.
      if (asking.echoed) return []
    }
  }
  return []
}

/** One place being asked: its link on the line it is set to now. */
class Asking implements AsyncDisposable {
  readonly place: Place
  readonly #parts: AskParts
  readonly #serial: string | null
  #line: SerialLine | null = null
  #bench: Bench | null = null
  /** Bytes that came where an answer was due. */
  strays = 0
  echoed = false

  constructor(place: Place, parts: AskParts) {
    this.place = place
    this.#parts = parts
    const parsed = parseAddress(place.at)
    this.#serial = parsed.ok && parsed.address.kind === 'serial' ? parsed.address.path : null
  }

  /** Only a serial port has a line to be set; elsewhere one try is all. */
  linesFor(lines: readonly SerialLine[]): readonly SerialLine[] {
    return this.#serial === null ? lines.slice(0, 1) : lines
  }

  async setLine(line: SerialLine): Promise<void> {
    const same = this.#line !== null && sameLine(this.#line, line)
    if (this.#bench !== null && (same || this.#serial === null)) return
    const before = this.#bench
    await before?.release()
    this.#line = line
    const path = this.#serial
    const at = path === null ? this.place.at : printAddress({ kind: 'serial', path, line })
    const below = transportFor(at, { ...this.#parts, log: silent })
    const transport = at.startsWith('hid:') ? readerTransport(below) : below
    this.#bench = new Bench({ transport, pace: this.#parts.pace, helper: nobodyThere })
    await this.#connect(this.#bench, before === null ? 1 : most_tries)
  }

  /** A port that was open a moment ago may need one to be there again. */
  async #connect(bench: Bench, tries: number): Promise<void> {
    for (let left = tries - 1; ; left--) {
      try {
        return await bench.connect()
      } catch (error) {
        if (left === 0 || !isFault(error)) throw error
        await bench.rest(again_ms)
      }
    }
  }

  /** Twice: a device may say a word at power-up, and is quiet then. */
  async listen(ms: number): Promise<{ first: Uint8Array; again: Uint8Array; bytes: number }> {
    await this.setLine(plainLine)
    const [first, again] = [await this.#hear(ms), await this.#hear(ms)]
    return { first, again, bytes: first.length + again.length }
  }

  async #hear(ms: number): Promise<Uint8Array> {
    const came = await this.#bench!.listen('listen', { ms, quiet_ms: ms })
    this.#bench!.takeExchanges()
    return came
  }

  readonly ask: Ask = async (bytes, { complete, ms }) => {
    const options = { complete, ms, quiet_ms: ms }
    const came = await this.#bench!.ask('greeting', bytes, options).catch(closedIsNoAnswer)
    this.#bench!.takeExchanges()
    this.strays += came.length
    if (isEcho(bytes, came)) this.echoed = true
    return came
  }

  proposals(found: readonly Greeted[]): Proposal[] {
    return found.map((one) => ({ at: this.#atFor(one.type), ...one }))
  }

  /** What a configuration need not say is left out. */
  #atFor(type: string | null): string {
    if (this.#serial === null || this.#line === null) return this.place.at
    const usual = { ...plainLine, ...(type === null ? {} : knownDeviceTypes.get(type)?.line) }
    const { baud, parity } = this.#line
    const line = {
      ...(baud === usual.baud ? {} : { baud }),
      ...(parity === usual.parity ? {} : { parity }),
    }
    return printAddress({ kind: 'serial', path: this.#serial, line })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bench?.release()
  }
}

/** Some close the link to words they do not know: the next question goes out on a new one. */
function closedIsNoAnswer(error: unknown): Uint8Array {
  if (isFault(error) && error.message.includes(link_closed)) return new Uint8Array(0)
  throw error
}

function sameLine(a: SerialLine, b: SerialLine): boolean {
  return a.baud === b.baud && a.parity === b.parity && a.data === b.data && a.stop === b.stop
}

function verdictOf({ code, message }: Fault): Verdict {
  if (code === 'unsupported') return 'unsupported'
  if (/EBUSY|lock/i.test(message)) return 'in_use'
  return /EACCES|EPERM/.test(message) ? 'no_permission' : 'gone'
}

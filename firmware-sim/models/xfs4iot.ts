/**
 * A simulated XFS4IoT service: card reader, printer and lights behind one address, as a kiosk has
 * them. Writes its own JSON by hand, in the form of published examples, and shares no codec with the
 * driver. What comes in may be anything; what is no message is acknowledged as invalid.
 *
 * Sources: KAL-ATM-Software/KAL_XFS4IoT_SP-Dev at 083d652 (header members, payload members, the
 * texts of its tests), ArsShon2000/xfs4iot at 0e843f4 (Common.Capabilities.json).
 */
import type { Cancel, Pace } from '#devices/std/clock.ts'
import { oneOf } from '#devices/std/setting.ts'
import { type SimKind, unheeded } from '../sim-kind.ts'
import type { DeviceModel } from './model.ts'

type Message = {
  header?: { name?: unknown; requestId?: unknown; type?: unknown; timeout?: unknown }
  payload?: Record<string, unknown>
}
type Waiting = { name: string; id: number; end: (code: string, payload?: unknown) => void }

type Asked = { id: number; timeout_ms: number; payload: Record<string, unknown> }
/** `waits`: for a card. */
type Answer = { code: string; payload?: object } | 'waits'

export type XfsModelOptions = {
  pace: Pace
  serial?: string
  /** Classes it has, as Capabilities names them. */
  interfaces?: readonly string[]
  /** `first`: completion code in the payload, no versions. */
  edition?: 'first' | 'newer'
  wrong?: (fault: string) => boolean
}

export const xfsFaults = {
  wrong_request_id: { zh: '应答带着别人的 requestId', en: 'answers carry a requestId of nobody' },
  no_acknowledge: { zh: '不发 acknowledge', en: 'no acknowledge is sent' },
  no_completion: { zh: '确认之后没有 completion', en: 'acknowledged and never completed' },
  not_json: { zh: '应答不是 JSON', en: 'what is sent is not JSON' },
  unknown_members: { zh: '消息里有未知成员', en: 'messages have members that nobody knows' },
  unknown_state: { zh: '设备状态是未知的词', en: 'the device state is a word of nobody' },
} as const

/** The track of the published texts: base64 of 123456789. */
const PUBLISHED_TRACK = 'MTIzNDU2Nzg5'

export class XfsServiceModel implements DeviceModel {
  /** Everything PrintRaw brought, decoded. */
  readonly printed: Buffer[] = []
  readonly lights: Record<string, unknown> = {}
  device = 'online'
  paper = 'full'
  media: 'present' | 'notPresent' = 'notPresent'
  readonly #options: Required<XfsModelOptions>
  readonly #running = new Map<number, Waiting>()
  #send: ((text: string) => void) | null = null
  #bytes = ''

  constructor(options: XfsModelOptions) {
    this.#options = {
      serial: '1.0.12.05',
      interfaces: ['common', 'cardReader', 'printer', 'lights'],
      edition: 'newer',
      wrong: () => false,
      ...options,
    }
  }

  /** As a WebSocket has it: whole messages. */
  attachText(send: (text: string) => void): void {
    this.detach()
    this.#send = send
  }

  /** As a plain byte link has it: one message between RS and LF (RFC 7464). */
  attach(send: (bytes: Uint8Array) => void): void {
    this.attachText((text) => send(Buffer.from(`\u001e${text}\n`)))
    this.#bytes = ''
  }

  /** A client that goes takes what it asked for with it. */
  detach(): void {
    this.#send = null
    for (const { end } of [...this.#running.values()]) end('canceled')
  }

  receive(bytes: Uint8Array): void {
    this.#bytes = (this.#bytes + Buffer.from(bytes).toString('latin1')).slice(-65_536)
    for (;;) {
      const end = this.#bytes.indexOf('\n')
      if (end < 0) return
      const record = this.#bytes.slice(0, end)
      this.#bytes = this.#bytes.slice(end + 1)
      this.receiveText(record.slice(record.lastIndexOf('\u001e') + 1))
    }
  }

  receiveText(text: string): void {
    let message: Message
    try {
      message = JSON.parse(text) as Message
    } catch {
      this.#say(`{"header":{"type":"acknowledge","name":"Unknown","status":"invalidMessage"}}`)
      return
    }
    const { name, requestId, timeout } = message.header ?? {}
    const id = Number(requestId)
    if (typeof name !== 'string') return
    if (!Number.isInteger(id) || id < 1 || this.#running.has(id)) {
      this.#acknowledge(name, id, 'invalidRequestID')
      return
    }
    if (!this.#wrong('no_acknowledge')) this.#acknowledge(name, id)
    this.#run(name, { id, timeout_ms: Number(timeout ?? 0), payload: message.payload ?? {} })
  }

  /** Somebody puts a card in; the reader tells whoever waits for one. */
  insertCard(track2 = PUBLISHED_TRACK): void {
    this.media = 'present'
    this.#changed(`"cardReader":{"media":"present"}`)
    const reading = [...this.#running.values()].find((one) => one.name === 'CardReader.ReadRawData')
    if (reading === undefined) return
    this.#event('CardReader.MediaInsertedEvent', reading.id)
    reading.end('success', { track2: { data: track2 } })
  }

  removeCard(): void {
    this.media = 'notPresent'
    this.#say(`{"header":{"name":"CardReader.MediaRemovedEvent","type":"event","version":"2.0"}}`)
    this.#changed(`"cardReader":{"media":"notPresent"}`)
  }

  setPaper(level: 'full' | 'low' | 'out' | 'jammed'): void {
    this.paper = level
    this.#changed(`"printer":{"paper":{"upper":"${level}"}}`)
  }

  setDevice(state: string): void {
    this.device = state
    this.#changed(`"common":{"device":"${state}"}`)
  }

  #wrong(fault: keyof typeof xfsFaults): boolean {
    return this.#options.wrong(fault)
  }

  #run(name: string, { id, timeout_ms, payload }: Asked): void {
    let cancel: Cancel = () => {}
    const end = (code: string, answer?: unknown) => {
      cancel()
      this.#running.delete(id)
      this.#complete({ name, id, code, answer })
    }
    this.#running.set(id, { name, id, end })
    const answer = this.#answer(name, payload)
    if (answer !== 'waits') {
      end(answer.code, answer.payload)
      // The card that was moved out is taken at once.
      if (name === 'CardReader.Move') this.removeCard()
      return
    }
    this.#event('CardReader.InsertCardEvent', id)
    if (timeout_ms > 0) {
      cancel = this.#options.pace.after(timeout_ms, 'card', () => end('timeOut'))
    }
  }

  #answer(name: string, payload: Record<string, unknown>): Answer {
    switch (name) {
      case 'Common.Capabilities':
        return { code: 'success', payload: this.#capabilities() }
      case 'Common.Status':
        return { code: 'success', payload: this.#status() }
      case 'Common.Cancel':
        return this.#cancel(payload.requestIds)
      case 'CardReader.ReadRawData': {
        if (this.media === 'notPresent') return 'waits'
        return { code: 'success', payload: { track2: { data: PUBLISHED_TRACK } } }
      }
      case 'Printer.PrintRaw':
        if (this.paper === 'out') {
          return { code: 'commandErrorCode', payload: { errorCode: 'paperOut' } }
        }
        this.printed.push(Buffer.from(String(payload.data), 'base64'))
        return { code: 'success' }
      case 'Lights.SetLight':
        Object.assign(this.lights, payload)
        return { code: 'success' }
      case 'CardReader.Move':
      case 'Printer.ControlMedia':
        return { code: 'success' }
      default:
        return { code: 'unsupportedCommand' }
    }
  }

  #cancel(ids: unknown): Answer {
    const asked: unknown[] = Array.isArray(ids) ? ids : [...this.#running.keys()]
    const found = [...this.#running.values()].filter(({ id }) => asked.includes(id))
    const others = found.filter((one) => one.name !== 'Common.Cancel')
    for (const one of others) one.end('canceled')
    if (others.length > 0) return { code: 'success' }
    return { code: 'commandErrorCode', payload: { errorCode: 'noMatchingRequestIDs' } }
  }

  #acknowledge(name: string, id: number, status?: string): void {
    const said = status === undefined ? '' : `,"status":"${status}"`
    const asked = this.#wrong('wrong_request_id') ? id + 7_000 : id
    this.#say(
      `{"header":{"name":${JSON.stringify(name)},"requestId":${asked},"type":"acknowledge"${this.#version('2.0')}${said}}}`,
    )
  }

  #complete({
    name,
    id,
    code,
    answer,
  }: {
    name: string
    id: number
    code: string
    answer: unknown
  }) {
    if (this.#wrong('no_completion')) return
    const asked = this.#wrong('wrong_request_id') ? id + 7_000 : id
    const more = this.#wrong('unknown_members') ? `,"vendor":{"of":["nobody",1]}` : ''
    const head = `"name":${JSON.stringify(name)},"requestId":${asked},"type":"completion"${this.#version('3.0')}`
    const body = { ...(typeof answer === 'object' ? answer : {}) }
    if (this.#options.edition === 'first') Object.assign(body, { completionCode: code })
    const coded = this.#options.edition === 'first' ? '' : `,"completionCode":"${code}"`
    this.#say(`{"header":{${head}${coded}${more}},"payload":${JSON.stringify(body)}${more}}`)
  }

  #version(version: string): string {
    return this.#options.edition === 'first' ? '' : `,"version":"${version}"`
  }

  #event(name: string, id: number): void {
    this.#say(`{"header":{"name":"${name}","requestId":${id},"type":"event","version":"2.0"}}`)
  }

  #changed(members: string): void {
    this.#say(
      `{"header":{"name":"Common.StatusChangedEvent","type":"unsolicited","version":"3.0"},"payload":{${members}}}`,
    )
  }

  #status(): object {
    const device = this.#wrong('unknown_state') ? 'resting' : this.device
    return {
      common: { device, devicePosition: 'inPosition', exchange: 'inactive' },
      cardReader: { media: this.media },
      printer: { media: 'notPresent', paper: { upper: this.paper } },
    }
  }

  /** The members of the published example; only the serial number is its own. */
  #capabilities(): object {
    const interfaces = this.#options.interfaces.map((name) => ({
      name,
      commands: { 'CardReader.ReadRawData': { versions: ['1.3', '2.1', '3.0'] } },
      events: { 'CardReader.MediaInsertedEvent': { versions: ['1.3', '2.1', '3.0'] } },
      maximumRequests: 0,
    }))
    const device = {
      modelName: 'AcmeModel42',
      serialNumber: this.#options.serial,
      revisionNumber: '1.2.3',
      modelDescription: 'Acme Dispenser Model 3',
      firmware: [
        { firmwareName: 'Acme Firmware', firmwareVersion: '1.0.1.2', hardwareRevision: '4.3.0.5' },
      ],
    }
    return { interfaces, common: { serviceVersion: '1.3.42', deviceInformation: [device] } }
  }

  #say(text: string): void {
    this.#send?.(this.#wrong('not_json') ? text.slice(0, -1) : text)
  }
}

export const sim: SimKind = {
  type: 'xfs4iot',
  transports: ['ws', 'wss'],
  faults: xfsFaults,
  settings: {
    edition: {
      zh: 'newer（缺省）或 first：首版',
      en: 'newer (default) or first: the first edition',
      fits: oneOf('newer', 'first'),
    },
  },
  make: ({ pace, serial, wrong, settings }) => {
    const edition = settings.edition === 'first' ? 'first' : 'newer'
    const model = new XfsServiceModel({ pace, serial, wrong, edition })
    const hands = {
      insert_card: () => model.insertCard(),
      take_card: () => model.removeCard(),
      pull_paper: () => model.setPaper('out'),
      load_paper: () => model.setPaper('full'),
    }
    const use = async () => {
      unheeded(Promise.resolve(model.media === 'present' ? model.removeCard() : model.insertCard()))
      return model.media === 'present' ? 'card put in' : 'card taken'
    }
    return { model, use, hands }
  },
}

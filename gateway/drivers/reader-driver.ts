/**
 * Driver of an ID-card reader. Cards go to `onCard` in memory; the last one stays here while it lies
 * on the reader, so that a second question is answered without lifting it.
 */
import type { Card } from '#devices/types/card.ts'
import {
  idCardReader,
  type ReaderInput,
  type ReaderOptions,
  type ReaderResult,
} from '#devices/types/id-card-reader.ts'
import { readerTransport } from './reader-wrapping.ts'
import { type DeviceView, type DriverParts, Session, type SessionOptions } from './session.ts'

export type ReaderHandlers = {
  /** A card was laid, or lay there when the driver started. */
  onCard(card: Card): void
  onRemoved?(reading: number): void
  onUnreadable?(status: string): void
  onState?(view: DeviceView): void
}

export interface ReaderDriver extends AsyncDisposable {
  start(): void
  view(): DeviceView
  /** The card that lies there, as far as the reader can tell. */
  card(): Card | null
  /** Whether somebody works at its counter: how often it looks for a card follows. */
  attention(open: boolean): void
  /**
   * The card that lies there: at once from memory; one that was forgotten is read again and given to
   * `onCard` too. Null when none is there or the reader cannot be asked.
   */
  read(): Promise<Card | null>
  /** Drops the card from memory; it is not read again until it is lifted and laid once more. */
  forget(): void
}

export function createReader(
  device: string,
  parts: DriverParts,
  given: {
    handlers: ReaderHandlers
    options?: Partial<ReaderOptions> & { session?: Partial<SessionOptions> }
  },
): ReaderDriver {
  const { handlers } = given
  const { session: sessionOptions, ...options } = given.options ?? {}
  const transport = readerTransport(parts.transport, options.wrapping)
  const session = new Session(
    device,
    idCardReader,
    { ...parts, transport },
    {
      handlers: {
        onInput: (input) => {
          if (input.type === 'newest_address') noteAddress(session.state.card, input)
          else handOver(input, handlers)
          return undefined
        },
        ...(handlers.onState === undefined ? {} : { onState: handlers.onState }),
      },
      options,
      session: sessionOptions,
    },
  )
  return {
    start: () => session.start(),
    view: () => session.view(),
    card: () => session.state.card,
    attention: (open) => session.attention(open),
    read: async () => cardOf(await session.command({ command: 'read' })),
    forget: () => void session.command({ command: 'forget' }).catch(() => {}),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

function cardOf(result: ReaderResult): Card | null {
  return typeof result === 'string' ? null : result.card
}

type AddressInput = Extract<ReaderInput, { type: 'newest_address' }>

/** Into the very card that was handed over: whoever keeps it has the address too. */
function noteAddress(card: Card | null, { reading, address }: AddressInput): void {
  if (card?.reading === reading) card.noteNewestAddress(address)
}

function handOver(input: Exclude<ReaderInput, AddressInput>, handlers: ReaderHandlers): void {
  switch (input.type) {
    case 'card':
      handlers.onCard(input.card)
      break
    case 'removed':
      handlers.onRemoved?.(input.reading)
      break
    case 'unreadable':
      handlers.onUnreadable?.(input.status)
  }
}

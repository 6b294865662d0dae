/**
 * A recording on a port, as its device would be: over TCP, or as the service of a kiosk.
 * Faults: `not_found`, `too_large`, `malformed`, `unknown_version`, `unsupported`, `port_in_use`.
 */
import { readFile, stat } from 'node:fs/promises'
import { most_recording_bytes, type Recording, readRecording } from '#devices/contract/recording.ts'
import type { Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Random } from '#devices/std/random.ts'
import { recordOf, textsOf } from '#devices/wire/xfs4iot.ts'
import { openLine } from '../line.ts'
import { openXfsLine, type TextModel } from '../xfs-line.ts'
import { Playback, type PlaybackOptions } from './playback.ts'
import { scriptOf } from './script.ts'

export interface Played extends AsyncDisposable {
  readonly device: string
  readonly type: string
  /** For a gateway's configuration. */
  readonly at: string
  readonly playback: Playback
  /** Resolves at the end of the recording. */
  readonly ended: Promise<void>
}

export type PlayOptions = Partial<PlaybackOptions> & { host?: string; port?: number }

export async function loadRecording(path: string): Promise<Recording> {
  const size = await stat(path).then(
    (found) => found.size,
    () => null,
  )
  if (size === null) throw new Fault('not_found', path)
  if (size > 2 * most_recording_bytes) throw new Fault('too_large', path)
  return readRecording(await readFile(path, 'utf8'))
}

export async function openPlayback(
  recording: Recording,
  parts: { pace: Pace; random: Random },
  { host = '127.0.0.1', port = 0, ...options }: PlayOptions = {},
): Promise<Played> {
  const playback = new Playback(scriptOf(recording, options.speed ?? 1), parts, options)
  const ended = Promise.withResolvers<void>()
  playback.onEnd = ended.resolve
  const { device, type, at } = recording.head
  const played = { device, type, playback, ended: ended.promise }
  if (type === 'xfs4iot') {
    const service = at.split('/').at(-1) || 'Service'
    const line = await openXfsLine({ [service]: asText(playback) }, { host, port })
    playback.onHangUp = () => line.cut()
    const dispose = () => line[Symbol.asyncDispose]()
    return { ...played, at: line.uri(service), [Symbol.asyncDispose]: dispose }
  }
  const line = await openLine(playback, parts, { host, port })
  playback.onHangUp = () => line.cut()
  const dispose = () => line[Symbol.asyncDispose]()
  return { ...played, at: `tcp://${host}:${line.port}`, [Symbol.asyncDispose]: dispose }
}

/** Messages of a WebSocket as the records that bytes carry. */
function asText(playback: Playback): TextModel {
  return {
    attachText: (send) =>
      playback.attach((bytes) => {
        for (const text of textsOf(bytes)) send(text)
      }),
    detach: () => playback.detach(),
    receiveText: (text) => playback.receive(recordOf(text)),
  }
}

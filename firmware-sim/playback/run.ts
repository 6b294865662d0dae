/**
 * `npm run sim -- --play FILE`: one recording on a port, until its end or until it is told to stop. Says
 * at the end what the host did otherwise than when it was recorded.
 */
import { Fault } from '#devices/std/fault.ts'
import { realPace } from '../pace.ts'
import { untilStopped } from '../people/stop.ts'
import { loadRecording, openPlayback } from './open.ts'

const most_speed = 1000

export async function runPlayback(
  path: string,
  { port, speed }: { port: number; speed: number },
): Promise<void> {
  if (!(speed > 0 && speed <= most_speed)) throw new Fault('config_invalid', '--speed: up to 1000')
  const recording = await loadRecording(path)
  const parts = { pace: realPace, random: Math.random }
  await using played = await openPlayback(recording, parts, { port, speed })
  console.log(`${played.device} ${played.type} ${played.at}`)
  console.log(`ready ${recording.entries.length} entries of ${recording.head.started}`)
  await Promise.race([played.ended, untilStopped().asked])
  const { progress, differences } = played.playback
  console.log(`played ${progress.played} of ${progress.of} steps`)
  for (const [what, times] of differences) console.log(`differs: ${what} (${times})`)
}

/** A log with something of everything: visits, orders, a branch, repeats, and records of no use. */

import { again, draftText, makeEpoch, positionIn, type TestEpoch } from './epochs.ts'
import {
  called,
  configured,
  confirmed,
  done,
  entered,
  gap,
  issued,
  opened,
  result,
  sale,
  serving,
  signedIn,
} from './log-maker.ts'

function visit(n: number): string[] {
  const at = n * 60
  return [
    draftText(issued(n), at),
    draftText(called(n, String(n % 3)), at + 20),
    draftText(serving(n, String(n % 3)), at + 22),
    draftText(entered(`o${n}`), at + 30),
    draftText(confirmed(`o${n}`), at + 31),
    ...(n % 2 === 0 ? [draftText(result(`o${n}`, n % 4 === 0 ? 'failed' : 'done'), at + 35)] : []),
    ...(n % 5 === 0 ? [] : [draftText(done(n, String(n % 3)), at + 50)]),
  ]
}

const uneven = { ...sale, tenders: [{ tender: 'cash', amount_fen: 1 }] }

/** Two epochs: the second leaves the first before its end and says some of it again. */
export function busyLog(visits: number): [TestEpoch, TestEpoch] {
  const whole = makeEpoch(1, null, [
    draftText(opened(), 0),
    ...Array.from({ length: visits }, (_, i) => visit(i + 1)).flat(),
    '{"v":1,"kind":"no.such.kind"}',
    draftText(entered('bad', uneven), 9),
    draftText(confirmed('bad'), 10),
    ...visit(visits + 1),
  ])
  // The last visit of the first epoch never reached the cloud there.
  const sent = whole.texts.length - visit(visits + 1).length
  const first = { ...whole, texts: whole.texts.slice(0, sent) }
  const lost = whole.texts.slice(sent).map((_, i) => again(whole, sent + 1 + i))
  const second = makeEpoch(2, positionIn(first, sent - 4), [
    again(first, sent - 3),
    again(first, sent - 5),
    ...lost.slice(0, 3),
    ...lost,
    draftText(confirmed('o1'), 9_999),
    draftText(configured(7), 9_999),
    draftText(signedIn('1'), 9_999),
    draftText(gap(3), 9_999),
  ])
  return [first, second]
}

/** The kit against simulators: right ones pass, each planted fault is named, bad lines cry no wolf. */
import { describe, expect, it } from 'vitest'
import { deviceTypes } from '#devices/types/index.ts'
import { conformKinds, ownSteps } from '../../gateway/conform/kinds.ts'
import { type AnyDeviceType, byDriverKind } from '../../gateway/conform/steps/by-driver.ts'
import { proof210 } from '../../gateway/conform/steps/pjlink.ts'
import { type OnBench, simKinds, tryOut } from './bench-fixture.ts'

const pjlink = {
  settings: { warm_ms: '0', password: 'secret' },
  kit: { password: 'secret' },
} satisfies OnBench
const mdc = {
  settings: { protocol: 'mdc', warm_ms: '0' },
  kit: { protocol: 'mdc' },
} satisfies OnBench
const ff68 = { settings: { repeat_ms: '50' } } satisfies OnBench

const rightOnes: [string, string, OnBench][] = [
  ['id_card_reader', '', {}],
  [
    'id_card_reader',
    'in HID reports',
    { settings: { wrapping: 'miaxis_hid' }, kit: { wrapping: 'miaxis_hid' } },
  ],
  ['call_pad', '', {}],
  ['ticket_panel', '', {}],
  ['rating_pad', '', {}],
  ['counter_display', '', {}],
  ['ticket_printer', '', {}],
  ['ff68_pad', '', ff68],
  ['ff68_rater', '', ff68],
  ['pin_pad', '', {}],
  ['service_password_pad', '', {}],
  ['hall_display', 'PJLink', { settings: { warm_ms: '0' } }],
  ['hall_display', 'PJLink with a password', pjlink],
  ['hall_display', 'PJLink 2', { settings: { class: '2' }, kit: { class: '2' } }],
  [
    'hall_display',
    'PJLink 2.10',
    {
      settings: { class: '2', security: 'sha256', password: 'secret' },
      kit: { class: '2', security: 'sha256', password: 'secret' },
    },
  ],
  ['hall_display', 'MDC', mdc],
]

describe.concurrent('a right device', () => {
  it.each(rightOnes)('%s %s passes', async (type, _how, on) => {
    const { bad, results } = await tryOut(type, on)
    expect(bad).toEqual({})
    expect(results.filter(({ verdict }) => verdict === 'pass').length).toBeGreaterThan(1)
  })

  it('of every class with steps is tried here, and every device type has some', () => {
    const tried = new Set(rightOnes.map(([type]) => type))
    expect([...ownSteps.keys()].filter((type) => !tried.has(type))).toEqual([])
    expect([...conformKinds.keys()]).toEqual(Object.keys(deviceTypes))
  })

  it.each(rightOnes)('%s %s passes over a line that splits and delays', async (type, _how, on) => {
    const line = { split: 0.5, delay: 0.4, delay_ms: 15 }
    const options = { quiet_ms: 1500, silence_ms: 600, repeat_ms: 800, reply_ms: 8000 }
    const { bad } = await tryOut(type, { ...on, line, options, seed: 7 })
    expect(bad).toEqual({})
  })
})

type Planted = [type: string, fault: string, step: string, words: RegExp, zh: RegExp, on?: OnBench]

const planted: Planted[] = [
  ['id_card_reader', 'wrong_checksum', 'status', /^fail: wrong checksum byte/, /校验字节错误/],
  ['id_card_reader', 'lengths_little_endian', 'status', /^fail: .*little-endian/, /低位在前/],
  ['id_card_reader', 'block_lengths_little_endian', 'read', /^fail: .*little-endian/, /低位在前/],
  [
    'id_card_reader',
    'found_while_lying',
    'find_while_lying',
    /^fail: find answers while the card stays/,
    /卡未移开又报找到卡/,
  ],
  ['id_card_reader', 'text_without_padding', 'read', /^fail: text without padding/, /未补齐/],
  [
    'id_card_reader',
    'text_padded_with_zero',
    'read',
    /^fail: text without padding/,
    /没有按规定补齐/,
  ],
  [
    'ticket_printer',
    'status_bits_swapped',
    'cover_open',
    /^fail: .*paper end \(5\) and cover open \(2\) are swapped/,
    /对调/,
  ],
  ['ticket_printer', 'status_bits_swapped', 'paper_out', /^fail: .*are swapped/, /对调/],
  [
    'ticket_printer',
    'no_process_id',
    'process_id',
    /^differs: process id not answered/,
    /没有回应/,
  ],
  ['call_pad', 'crc_swapped', 'identity', /^fail: the CRC bytes are swapped/, /CRC 两字节对调/],
  ['call_pad', 'wrong_checksum', 'identity', /^fail: wrong checksum/, /校验错误/],
  [
    'call_pad',
    'latch_cleared_early',
    'latch_holds',
    /^fail: event latch cleared before acknowledgement/,
    /未经确认就清除/,
  ],
  ['call_pad', 'write_echo_missing', 'display_number', /^fail: echo missing/, /没有应答/],
  [
    'ticket_panel',
    'latch_cleared_early',
    'latch_holds',
    /^fail: event latch cleared/,
    /未经确认就清除/,
  ],
  ['ff68_pad', 'echo_missing', 'echo_taken', /^fail: echo missing/, /不认回送/, ff68],
  ['ff68_pad', 'never_repeats', 'repeats', /^differs: it is not sent again/, /没有重发/, ff68],
  ['ff68_pad', 'wrong_checksum', 'key_next', /^fail: wrong checksum/, /校验和错误/, ff68],
  [
    'ff68_rater',
    'sum_not_lowered',
    'answer_taken',
    /^fail: rating sum not lowered/,
    /未减 10/,
    ff68,
  ],
  ['ff68_rater', 'wrong_checksum', 'rating', /^fail: wrong checksum/, /校验和错误/, ff68],
  [
    'hall_display',
    'digest_of_wrong_salt',
    'digest',
    /^fail: .*wrong salt: that of the link before/,
    /错误的随机数/,
    pjlink,
  ],
  [
    'hall_display',
    'broadcast_answered',
    'broadcast_silent',
    /^fail: a broadcast was acknowledged/,
    /对广播作了应答/,
    mdc,
  ],
  ['hall_display', 'wrong_checksum', 'status', /^fail: wrong checksum/, /校验和错误/, mdc],
  ['pin_pad', 'wrong_checksum', 'information', /^fail: wrong checksum/, /校验错误/],
  ['pin_pad', 'clear_digits', 'entry', /^fail: keys come as the digits they are/, /明文数字/],
  ['service_password_pad', 'short', 'password', /^fail: 5 digits/, /5 位数字/],
  ['service_password_pad', 'no_end', 'password', /^fail: 7 bytes, no 83/, /不以 83 结尾/],
  ['rating_pad', 'request_echo_missing', 'rating_of_request', /^fail: .*request/, /请求/],
]

it('makes the digest of PJLink 2.10 as its published example', () => {
  const salt = '3db25e10f69c47a85adb24cf361897e0'
  const own = 'c14b279e603d8a5f17e849ba360f2dc5'
  const digest = '70ab129eac6924d4c129c9c4fcf45be42e1e776325a66db67e5b6eee50f2a692'
  expect(proof210(salt, own, 'JBMIAProjectorLink')).toBe(own + digest)
})

describe.concurrent('a wrong device', () => {
  it.each(planted)('%s with %s is named in step %s', async (type, fault, step, words, zh, on) => {
    const { bad, results } = await tryOut(type, { ...on, faults: { [fault]: 1 } })
    expect(bad[step]).toMatch(words)
    expect(results.find(({ code }) => code === step)!.says.zh).toMatch(zh)
  })

  it('of every fault a simulator lists is among them', () => {
    const named = new Set(planted.map(([type, fault]) => `${type} ${fault}`))
    const shared = new Set([
      'crc_swapped',
      'wrong_checksum',
      'latch_cleared_early',
      'write_echo_missing',
    ])
    const tried = [...simKinds.values()].filter(({ type }) => ownSteps.has(type))
    const missing = tried.flatMap(({ type, faults = {} }) =>
      Object.keys(faults)
        .filter((fault) => !named.has(`${type} ${fault}`))
        // The units share the code that does these wrongly.
        .filter((fault) => !(shared.has(fault) && named.has(`call_pad ${fault}`)))
        .map((fault) => `${type} ${fault}`),
    )
    expect(missing).toEqual([])
  })

  it('that does several things wrongly has each of them named', async () => {
    const faults = { text_without_padding: 1, found_while_lying: 1 }
    const { bad } = await tryOut('id_card_reader', { faults })
    expect(bad.read).toMatch(/text without padding/)
    expect(bad.find_while_lying).toMatch(/find answers while the card stays/)
  })

  it('with swapped status bits is named by its own contradiction when nobody is there', async () => {
    const { bad } = await tryOut('ticket_printer', {
      faults: { status_bits_swapped: 1 },
      attended: false,
      before: (hands) => hands.pull_paper!(''),
    })
    expect(bad.conditions_agree).toMatch(/^fail: .*are swapped/)
  })
})

describe.concurrent('nobody at the device', () => {
  it('leaves what needs hands untried, and fails nothing', async () => {
    for (const [type, , on] of rightOnes) {
      const { bad, results } = await tryOut(type, { ...on, attended: false })
      expect(bad, type).toEqual({})
      // These speak only when somebody presses: nothing of them can pass by itself.
      const unasked = ['ff68_pad', 'ff68_rater', 'service_password_pad'].includes(type)
      const passed = results.filter(({ verdict }) => verdict === 'pass').length
      expect(passed > 0, type).toBe(!unasked)
    }
  })

  it('uses a card that lies there by itself', async () => {
    const { results } = await tryOut('id_card_reader', {
      attended: false,
      before: (hands) => hands.lay_card!('5'),
    })
    const verdicts = Object.fromEntries(results.map(({ code, verdict }) => [code, verdict]))
    expect(verdicts).toMatchObject({ find_empty: 'not_tried', find: 'pass', read: 'pass' })
  })
})

describe('a reader behind HID', () => {
  const { link } = conformKinds.get('id_card_reader')!
  const at = (address: string) => ({ address, open: () => Promise.reject(new Error('not opened')) })

  it('is spoken to in its reports without being told so, one on a line in bytes', () => {
    const [hid, serial] = [at('hid:10c4:0007'), at('serial:/dev/ttyUSB0')]
    expect(link!(hid, {})).not.toBe(hid)
    expect(link!(serial, {})).toBe(serial)
    expect(link!(hid, { wrapping: 'plain' })).toBe(hid)
  })
})

describe('a wrong password', () => {
  it('is told from a wrong salt', async () => {
    const { bad } = await tryOut('hall_display', { ...pjlink, kit: { password: 'other' } })
    expect(bad.digest).toMatch(/the password is wrong/)
  })
})

describe('a class without steps of its own', () => {
  const kind = byDriverKind(deviceTypes.call_pad as unknown as AnyDeviceType)

  it('is tried by its driver', async () => {
    const right = await tryOut('call_pad', { kind })
    expect(right.results).toMatchObject([{ code: 'driver_online', verdict: 'pass' }])
    const { bad } = await tryOut('call_pad', { kind, faults: { crc_swapped: 1 } })
    expect(bad.driver_online).toMatch(/wrong checksums|not on line/)
  })
})

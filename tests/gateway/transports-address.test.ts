/** Addresses: read, printed, and every mistake named with its reason. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Address, parseAddress, printAddress } from '../../gateway/transports/address.ts'

const good: readonly (readonly [string, Address])[] = [
  ['tcp://10.0.0.9:4001', { kind: 'tcp', host: '10.0.0.9', port: 4001 }],
  ['tcp://[fe80::1]:9100', { kind: 'tcp', host: 'fe80::1', port: 9100 }],
  ['serial:/dev/ttyUSB0', { kind: 'serial', path: '/dev/ttyUSB0', line: {} }],
  [
    'serial:/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.2:1.0-port0?baud=19200&parity=even',
    {
      kind: 'serial',
      path: '/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.2:1.0-port0',
      line: { baud: 19200, parity: 'even' },
    },
  ],
  [
    'serial:/dev/ttyS1?baud=1200&parity=odd&data=7&stop=2',
    { kind: 'serial', path: '/dev/ttyS1', line: { baud: 1200, parity: 'odd', data: 7, stop: 2 } },
  ],
  ['hid:10c4:0007', { kind: 'hid', name: { vendor: 0x10c4, product: 7 } }],
  [
    'hid:10C4:0007:SN-1/a?port=1-2.3',
    { kind: 'hid', name: { vendor: 0x10c4, product: 7, serial: 'SN-1/a', port: '1-2.3' } },
  ],
  ['usb:0400:c35a', { kind: 'usb', name: { vendor: 0x400, product: 0xc35a }, layout: 'auto' }],
  [
    'usb:0400:c35a:7?layout=split',
    { kind: 'usb', name: { vendor: 0x400, product: 0xc35a, serial: '7' }, layout: 'split' },
  ],
  ['lp:/dev/usb/lp0', { kind: 'lp', path: '/dev/usb/lp0' }],
]

const bad: readonly (readonly [string, readonly RegExp[]])[] = [
  ['', [/must look like/]],
  ['COM3', [/must look like/]],
  ['udp://10.0.0.9:1', [/must look like/]],
  ['toString:x', [/must look like/]],
  ['tcp://10.0.0.9', [/tcp:\/\/host:port/]],
  ['tcp://10.0.0.9:0', [/port is from 1 to 65535/]],
  ['tcp://10.0.0.9:65536', [/port is from 1 to 65535/]],
  ['tcp://10.0.0.9:4001?baud=9600', [/no such option here: baud/]],
  ['serial:ttyUSB0', [/begins with \//]],
  ['serial:/dev/', [/names a folder/]],
  ['serial:/dev/../etc/passwd', [/no \.\./]],
  ['serial:/dev/tty USB0', [/no blanks/]],
  [
    'serial:/dev/ttyUSB0?baud=fast&parity=mark&data=9&stop=3',
    [/baud is from/, /parity is one of/, /data is one of/, /stop is one of/],
  ],
  ['serial:/dev/ttyUSB0?baud=9600&baud=19200', [/said twice/]],
  ['serial:/dev/ttyUSB0?9600', [/not option=value/]],
  ['serial:/dev/ttyUSB0?', [/not option=value/]],
  ['serial:/dev/ttyUSB0?speed=9600', [/no such option here: speed/]],
  ['hid:10c4', [/four hex digits/]],
  ['hid:10c4:xyz1', [/four hex digits/]],
  ['hid:10c4:0007?port=left', [/port is a USB port/]],
  ['usb:0400:c35a?layout=both', [/layout is one of auto, split, single/]],
  ['lp:usb/lp0', [/begins with \//]],
  [`lp:/${'x'.repeat(600)}`, [/longer than 512/]],
]

describe('an address', () => {
  it.each(good)('%s is understood', (text, address) => {
    expect(parseAddress(text)).toEqual({ ok: true, address })
    expect(parseAddress(printAddress(address))).toEqual({ ok: true, address })
  })

  it.each(bad)('%s is refused, every problem said', (text, reasons) => {
    const parsed = parseAddress(text)
    const problems = parsed.ok ? [] : parsed.problems
    expect(problems).toHaveLength(reasons.length)
    for (const [i, reason] of reasons.entries()) expect(problems[i]).toMatch(reason)
  })

  it('takes any text without falling over it; what it prints it takes for the same', () => {
    const pieces = [
      'tcp://',
      'serial:',
      'hid:',
      'usb:',
      'lp:',
      '10c4:0007',
      '/dev/x',
      '?',
      '&',
      'a',
    ]
    const options = ['baud=9600', 'parity=none', 'port=1-1', 'layout=single', ':', '=', '\0', '%']
    const text = fc.array(fc.oneof(fc.constantFrom(...pieces, ...options), fc.string()), {
      maxLength: 8,
    })
    fc.assert(
      fc.property(text, (parts) => {
        const parsed = parseAddress(parts.join(''))
        if (parsed.ok) expect(parseAddress(printAddress(parsed.address))).toEqual(parsed)
        else expect(parsed.problems.length).toBeGreaterThan(0)
      }),
    )
  })
})

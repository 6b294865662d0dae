/** Where devices are, in a config file: places that cannot be, and one place in two ways to write it. */
import { expect, test } from 'vitest'
import { checkConfig } from '../../gateway/config.ts'
import { knownDeviceTypes } from '../../gateway/drivers/known-types.ts'

function problemsOf(value: object): string[] {
  const config = { controller: { url: 'https://cloud.example' }, ...value }
  const checked = checkConfig(JSON.stringify(config), knownDeviceTypes)
  return checked.ok ? [] : checked.problems.map(({ path, problem }) => `${path}: ${problem}`)
}

const devices = (...places: [type: string, at: string][]) => ({
  devices: places.map(([type, at], i) => ({ device: `d${i}`, type, at, plain_link: 'accepted' })),
})

test('one line written in two ways is said, as two links to it would take it from each other', () => {
  const twice = (type: string, one: string, other: string) =>
    problemsOf(devices([type, one], [type, other]))
  const said = ['devices[1].at: d0 is there already; write the place the same way']
  expect(twice('ff68_pad', 'serial:/dev/ttyS0', 'serial:/dev/ttyS0?baud=9600')).toEqual(said)
  expect(twice('ff68_pad', 'serial:/dev/ttyS0', 'serial:/dev//./ttyS0')).toEqual(said)
  expect(twice('call_pad', 'tcp://pads.example:502', 'tcp://PADS.example:0502')).toEqual(said)
  expect(twice('id_card_reader', 'usb:0400:c35a', 'usb:0400:C35A?layout=split')).toEqual(said)
  expect(twice('ff68_pad', 'serial:/dev/ttyS0', 'serial:/dev/ttyS1')).toEqual([])
})

test('an address that carries one protocol only is for devices that speak it', () => {
  expect(
    problemsOf(
      devices(
        ['id_card_reader', 'ws://127.0.0.1:5846/xfs4iot/v1.0/CardReader'],
        ['xfs4iot', 'serial:/dev/ttyS0'],
        ['call_pad', 'lp:/dev/usb/lp0'],
        ['ticket_printer', 'lp:/dev/usb/lp1'],
        ['xfs4iot', 'ws://127.0.0.1:5847/xfs4iot/v1.0/Printer'],
      ),
    ),
  ).toEqual([
    'devices[0].at: ws:// and wss:// are for kiosk services',
    'devices[1].at: a kiosk service is at ws:// or wss://',
    'devices[2].at: lp: is for ticket printers',
  ])
})

test('a certificate to trust is for an encrypted kiosk link only', () => {
  const kiosk = (at: string) => [{ device: 'k', type: 'xfs4iot', at, ca_file: './kiosk-ca.pem' }]
  const path = 'xfs4iot/v1.0/Printer'
  expect(problemsOf({ devices: kiosk(`wss://kiosk.example/${path}`) })).toEqual([])
  expect(problemsOf({ devices: kiosk(`ws://127.0.0.1/${path}`) })).toEqual([
    'devices[0].ca_file: is for wss:// only',
  ])
})

test('the two doors of the local API cannot have one port', () => {
  const same = ['local.mqtt.port: local.port is the same']
  expect(problemsOf({ local: { port: 8883, mqtt: {} } })).toEqual(same)
  expect(problemsOf({ local: { mqtt: { port: 8090 } } })).toEqual(same)
  expect(problemsOf({ local: { port: 0, mqtt: { port: 0 } } })).toEqual([])
  expect(problemsOf({ local: { mqtt: {} } })).toEqual([])
})

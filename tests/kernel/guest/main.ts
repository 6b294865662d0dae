/**
 * All tests of the machine, one after another; runs inside it only. The kernel hands `only` of its
 * command line to the first process: groups whose name holds that word.
 */
import { MiaxisReports } from '../../../firmware-sim/models/id-card-reader-wrapped.ts'
import type { DeviceModel } from '../../../firmware-sim/models/model.ts'
import { Gadget } from './gadget.ts'
import { testNodes } from './nodes.ts'
import { gadgetPlug, uhidPlug } from './plugs.ts'
import { testPrinter } from './printers.ts'
import { testReader } from './readers.ts'
import { end, note } from './report.ts'
import { servedPlug, singleShape, splitShape } from './served.ts'

const plain = (model: DeviceModel) => model
const reports = (model: DeviceModel) => new MiaxisReports(model)
const miaxis = { vendor: 0x10c4, product: 0x0007, serial: 'U1' }
// The printer first: HID takes a number of the same row, and the printer is to be lp0.
const names = { vendor: 0x1d6b, product: 0x0104, serial: 'C1' }
const counter = new Gadget('counter', 0, names).printer().hid().serial()
const hid = gadgetPlug(counter, 'hid:1d6b:0104:C1', '/dev/hidg0')
const acm = gadgetPlug(counter, 'serial:/dev/ttyACM0?baud=115200', '/dev/ttyGS0')
const printer = gadgetPlug(counter, 'lp:/dev/usb/lp0', '/dev/g_printer0')

const groups: Readonly<Record<string, (name: string) => Promise<void>>> = {
  hidraw: testNodes,
  'hidraw of uhid': (name) => testReader(name, uhidPlug(miaxis), reports),
  'hidraw of USB': (name) => testReader(name, hid, reports),
  ttyACM0: (name) => testReader(name, acm, plain),
  lp0: (name) => testPrinter(name, printer),
  'bulk, one pipe each way': (name) => testReader(name, servedPlug('single', singleShape), plain),
  'bulk, split pipes': (name) => testReader(name, servedPlug('split', splitShape), plain),
}

note(`the runtime is up, ${Math.round(process.uptime())} s after its start`)
const { only = '' } = process.env
for (const [name, run] of Object.entries(groups)) if (name.includes(only)) await run(name)
end()
process.exit(0)

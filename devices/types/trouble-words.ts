/**
 * What a device's reason means and what to do about it, in both languages, for every reason a machine,
 * a session or a transport of this program gives in a state that is not well. Pure. Reasons a device may
 * choose the words of are known by how they begin; a code nobody lists has no words here.
 */
import { completion_codes } from '../wire/xfs4iot.ts'
import type { Zt588Error } from '../wire/zt588.ts'

export type TroubleWords = { zh: string; en: string }

const said = (zh: string, en: string): TroubleWords => ({ zh, en })

/** How a link ended. Anything a system call says besides is `systemCode`. */
const links = {
  gone: said(
    '设备已拔出或断电：请检查插头和电源。',
    'It was unplugged or lost power: check plug and power.',
  ),
  ended: said(
    '对方关闭了连接：串口服务器可能重启，或被另一程序占用。',
    'The far end closed the link: a serial server restarted, or another program took it.',
  ),
  reset: said(
    '连接中断：请检查网线和对方设备。',
    'The link broke: check the cable and the far end.',
  ),
  stalled: said(
    '数据送不出去：对方不再接收，请断电重启设备。',
    'What is sent is not taken any more: power the device off and on.',
  ),
  binary: said(
    '自助服务发来二进制消息，不符合 XFS4IoT。',
    'The kiosk service sent a binary message, which XFS4IoT does not have.',
  ),
  unavailable: said('此端口暂时不能打开。', 'This port cannot be opened now.'),
  overloaded: said('此线路上的设备已满。', 'No more devices fit on this line.'),
} as const

const printers = {
  error: said(
    '打印机报告故障：请断电重启，查看指示灯。',
    'The printer reports an error: power it off and on, look at its lamps.',
  ),
  offline: said(
    '打印机脱机：请按联机键或重启。',
    'The printer is off line: press its on-line key or restart it.',
  ),
} as const

const displays = {
  no_greeting: said(
    '已连接但没有 PJLink 问候：请确认地址是屏幕的控制端口（4352）。',
    'Connected, but no PJLink greeting came: is this the control port of a panel (4352)?',
  ),
  differs: said(
    '电源或信号源与所设不同：有人在现场改动，或屏幕没有执行。',
    'Power or input are not as set: somebody changed them by hand, or the panel did not follow.',
  ),
} as const

const units = {
  display_refused: said('设备拒绝了显示内容。', 'It refused what it was to show.'),
  prompt_refused: said('设备拒绝了评价提示。', 'It refused to ask for a rating.'),
} as const

const pinPads: Readonly<Record<Zt588Error | 'clear_digits' | 'mask refused', TroubleWords>> = {
  clear_digits: said(
    '按键以明文数字送出：此密码键盘不可使用，请更换。',
    'Keys come as digits in the clear: this PIN pad must not be used, replace it.',
  ),
  'mask refused': said(
    '键盘不支持遮盖按键：此型号不能使用。',
    'It does not hide its keys: this model cannot be used.',
  ),
  low_battery: said('密码键盘电池电量低：请更换电池。', 'Its battery is low: replace it.'),
  master_key_needed: said(
    '缺少主密钥：请联系供应商灌密钥。',
    'The master key is missing: ask the supplier to load it.',
  ),
  transport_key_needed: said(
    '缺少传输密钥：请联系供应商灌密钥。',
    'The transport key is missing: ask the supplier to load it.',
  ),
  key_size: said(
    '密钥长度不符（E3）：请联系供应商。',
    'The size of a key is wrong (E3): ask the supplier.',
  ),
  key_missing: said(
    '所配置的密钥号未装入：请核对选项 key 或灌密钥。',
    'The key of that number is not loaded: check the option key, or have it loaded.',
  ),
  key_unfit: said(
    '所配置的密钥不能用于密码：请核对选项 key。',
    'The key of that number is not for PINs: check the option key.',
  ),
  key_parity: said(
    '密钥校验错误（E6）：请重新灌密钥。',
    'A key has wrong parity (E6): have it loaded again.',
  ),
  key_invalid: said(
    '密钥无效（E7）：请重新灌密钥。',
    'A key is not valid (E7): have it loaded again.',
  ),
  length: said(
    '键盘报告长度错误（E8）：请检查线路和选项。',
    'It reports a wrong length (E8): check the line and the options.',
  ),
  data: said(
    '键盘报告数据错误（E9）：请检查线路和选项。',
    'It reports wrong data (E9): check the line and the options.',
  ),
  parameter: said(
    '键盘报告参数错误（EB）：请核对选项。',
    'It reports a wrong parameter (EB): check the options.',
  ),
  authentication_required: said(
    '键盘要求认证（EC）：请联系供应商。',
    'It asks for an authentication (EC): ask the supplier.',
  ),
  locked: said(
    '密码键盘已锁定（ED）：请联系供应商解锁。',
    'The PIN pad is locked (ED): ask the supplier to unlock it.',
  ),
  timed_out: said('设备未在限时内应答。', 'It did not answer in time.'),
  general: said(
    '密码键盘报告一般故障（EF）：请断电重启。',
    'It reports a general error (EF): power it off and on.',
  ),
  unlisted: said('设备报告未列出的错误码。', 'It reports an error code that is not listed.'),
}

const servicePads = {
  'clear_digits not accepted': said(
    '此键盘以明文送出服务密码，默认不用：如已评估风险，在配置中写 "clear_digits": "accepted"。',
    'This pad sends service passwords in the clear and is off: to use it all the same, configure "clear_digits": "accepted".',
  ),
} as const

const readers = {
  checksum_error: said(
    '阅读器收到的命令校验错误：请检查线路干扰和波特率。',
    'It got a command with a wrong checksum: check the line for noise, and its speed.',
  ),
  length_error: said(
    '阅读器收到的命令长度错误：请检查线路干扰和波特率。',
    'It got a command of a wrong length: check the line for noise, and its speed.',
  ),
  command_error: said('阅读器不认识状态命令（21）。', 'It does not know the status command (21).'),
  not_permitted: said('阅读器不允许此操作（23）。', 'It does not permit this (23).'),
  unknown_error: said(
    '阅读器报告不明错误（24）：请断电重启。',
    'It reports an error it does not know (24): power it off and on.',
  ),
} as const

/** States a kiosk service gives of itself, and why one of its commands failed. */
const kiosks = {
  media_jammed: said(
    '卡或纸卡住：请打开自助机清除。',
    'A card or paper is jammed: open the kiosk and clear it.',
  ),
  no_status: said('自助服务没有报告设备状态。', 'The kiosk service says no state of its device.'),
  unknown_state: said(
    '自助服务报告了未知的状态。',
    'The kiosk service says a state that is not known.',
  ),
  no_completion_code: said(
    '自助服务的应答没有完成码。',
    'An answer of the kiosk service has no completion code.',
  ),
  unknown_code: said(
    '自助服务给出未知的完成码。',
    'An answer of the kiosk service has a completion code that is not known.',
  ),
  power_off: said('自助机内的设备已断电。', 'The device in the kiosk is powered off.'),
  no_device: said('自助机内没有此设备。', 'The kiosk does not have this device.'),
  hardware_error: said(
    '自助机内的设备故障：请报修。',
    'The device in the kiosk is broken: have it repaired.',
  ),
  user_error: said('自助机需人工处理：请到机前查看。', 'The kiosk needs somebody: go and look.'),
  device_busy: said('自助机内的设备正忙。', 'The device in the kiosk is busy.'),
  fraud_attempt: said(
    '自助机报告欺诈行为：请立即到机前查看。',
    'The kiosk reports a fraud attempt: go there at once.',
  ),
  potential_fraud: said(
    '自助机报告疑似欺诈：请到机前查看。',
    'The kiosk reports a possible fraud: go and look.',
  ),
  starting: said('自助机内的设备正在启动。', 'The device in the kiosk is starting.'),
  deviceNotReady: said('自助机内的设备未就绪。', 'The device in the kiosk is not ready.'),
  hardwareError: said(
    '自助机内的设备故障：请报修。',
    'The device in the kiosk is broken: have it repaired.',
  ),
  userError: said('自助机需人工处理：请到机前查看。', 'The kiosk needs somebody: go and look.'),
  fraudAttempt: said(
    '自助机报告欺诈行为：请立即到机前查看。',
    'The kiosk reports a fraud attempt: go there at once.',
  ),
} as const

/** Any other code with which a service refuses to say its state. */
const refusals: Readonly<Record<string, TroubleWords>> = Object.fromEntries(
  [...completion_codes, 'invalidMessage', 'tooManyRequests'].map((code) => [
    code,
    said(
      `自助服务没有回答状态查询：${code}。`,
      `The kiosk service does not tell its state: ${code}.`,
    ),
  ]),
)

/** Later ones go before. */
const words: ReadonlyMap<string, TroubleWords> = new Map(
  [refusals, links, printers, displays, units, pinPads, servicePads, readers, kiosks].flatMap(
    (each) => Object.entries<TroubleWords>(each),
  ),
)

/** Reasons that go on in a device's own words. */
const begun: readonly (readonly [RegExp, TroubleWords])[] = [
  [
    /^wrong device\b/,
    said(
      '此处接入的是另一种或另一台设备：请换回原机，或在安装页面登记更换。',
      'Another device is plugged in here: put the right one back, or record the replacement on the installer’s page.',
    ),
  ],
  [
    /^unsupported: set_/,
    said(
      '屏幕不支持所设的电源或信号源控制。',
      'The panel does not support setting its power or input.',
    ),
  ],
  [
    /^(fan|lamp|temperature|cover|filter|other|failure|brightness_sensor|no_sync)\b/,
    said(
      '屏幕报告故障（风扇、灯泡、温度、盖、滤网或信号）：请查看屏幕。',
      'The panel reports trouble (fan, lamp, temperature, cover, filter or signal): look at it.',
    ),
  ],
  [
    /^e[a-z]{2,}$/,
    said(
      '系统报告端口错误：请检查插头、权限，以及是否被其他程序占用。',
      'The system reports an error of the port: check plug, permission, and other programs on it.',
    ),
  ],
]

export function troubleWords(reason: string): TroubleWords | null {
  const own = words.get(reason)
  if (own !== undefined) return own
  return begun.find(([form]) => form.test(reason))?.[1] ?? null
}

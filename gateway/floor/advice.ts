/**
 * What whoever stands before a device can do about its reason, in both languages. Words of one class
 * come from that class; these are of all. What a reason means that is not here, as that of a link, is
 * in `devices/types/trouble-words.ts`. Pure.
 */
import { adviceFor as readerAdviceFor } from '#devices/types/id-card-reader.ts'
import { troubleWords } from '#devices/types/trouble-words.ts'

export type Advice = { zh: string; en: string }

const common: Readonly<Record<string, Advice>> = {
  paper_out: { zh: '请装入纸卷并合上盖子。', en: 'Put in a roll of paper and close the cover.' },
  paper_low: {
    zh: '纸卷将尽，请备好新卷。',
    en: 'The roll is nearly used up: have a new one at hand.',
  },
  cover_open: { zh: '请合上打印机盖。', en: 'Close the cover of the printer.' },
  cutter_error: {
    zh: '切刀卡住：请断电，清除残纸。',
    en: 'The cutter is stuck: power off and clear the paper.',
  },
  no_answer: {
    zh: '设备无应答：请检查电源、连线和串口参数。',
    en: 'It does not answer: check power, cable and line settings.',
  },
  silent: {
    zh: '线路通但设备无应答：设备可能已断电。',
    en: 'The line is there but the device is silent: it may be switched off.',
  },
  device_gone: {
    zh: '找不到设备：请检查连线，或串口服务器是否在线。',
    en: 'It is not there: check the cable, or whether the serial server is on line.',
  },
  timed_out: {
    zh: '连接超时：请检查网络和串口服务器。',
    en: 'No connection in time: check the network and the serial server.',
  },
  unsupported: {
    zh: '本机缺少所需的系统库：见网关日志。',
    en: 'This machine lacks a library the device needs: the gateway’s log names it.',
  },
  flooding: {
    zh: '设备不停发送数据，已断开：请检查波特率和接地。',
    en: 'It sends without end and was cut off: check baud rate and grounding.',
  },
  bus_jammed: {
    zh: '总线被占用：请逐个断开总线上的设备，找出不停发送的一个。',
    en: 'The bus is jammed: unplug its units one by one to find the one that never stops sending.',
  },
  wrong_place: {
    zh: '此设备属于另一位置：请插回原处，或在此页确认移位。',
    en: 'This device belongs to another place: plug it back, or confirm the move on this page.',
  },
  stranger: {
    zh: '此处换了一台未登记的设备：请在此页登记更换。',
    en: 'A device nobody registered answers here: record the replacement on this page.',
  },
  unauthorised: {
    zh: '对方证书不受信任：请在配置的 ca_file 中写明其签发证书（PEM），并检查有效期和主机名。',
    en: 'Its certificate is not trusted: name its issuer’s in `ca_file` (PEM); check its dates and host name.',
  },
  config_invalid: {
    zh: '配置中的 ca_file 无法使用：请检查该文件。',
    en: 'The `ca_file` of its configuration cannot be used: check that file.',
  },
  unconfirmed: {
    zh: '看不到设备编号，不知是否为登记的那台：请重新上电；若换成了无编号的设备，请在配置中给它另起名称。',
    en: 'It does not say its number: switch it off and on. One that has none needs another name in the config.',
  },
  password_refused: {
    zh: '密码不正确：请在配置中填写屏幕的密码。',
    en: 'The password is wrong: put the panel’s password into the configuration.',
  },
  'no key loaded': {
    zh: '密码键盘未装入密钥：请联系发卡机构或供应商灌密钥。',
    en: 'No key is loaded: ask the bank or the supplier to load it.',
  },
}

export function adviceFor(type: string, reason: string): Advice | null {
  const own = type === 'id_card_reader' ? readerAdviceFor(reason) : null
  if (own !== null) return { zh: own.zh, en: own.en }
  return Object.hasOwn(common, reason) ? (common[reason] as Advice) : troubleWords(reason)
}

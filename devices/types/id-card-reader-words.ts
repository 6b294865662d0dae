/**
 * What is said to people about an ID-card reader: advice by the reason it does not work, and what is
 * believed of all readers without a second source. Nothing here decides anything.
 */
import type { Assumption } from './machine.ts'

export type Advice = { code: string; zh: string; en: string }

/** Texts stand on lines of their own. */
function said(code: string, zh: string, en: string): Advice {
  return { code, zh, en }
}

/** By the reason in a reader's state or in what it reported of a card. */
export const readerAdvice: readonly Advice[] = [
  said(
    'self_test_failed',
    '安全模块自检失败（60）：请断电后重新上电；若仍失败，请更换安全模块。',
    'The security module failed its self test (60): power it off and on; if it stays, replace the module.',
  ),
  said(
    'not_authorised',
    '安全模块未授权（66）：请联系供应商为该模块授权。',
    'The security module is not authorised (66): ask the supplier to have it authorised.',
  ),
  said(
    'no_answer',
    '阅读器无应答：请检查电源、连线和波特率，并确认已装安全模块（SAM）。',
    'The reader does not answer: check power, cable and baud rate, and that a security module (SAM) is fitted.',
  ),
  said(
    'wrong_device',
    '此处接入的是另一台阅读器：请换回原机，或在安装页面登记更换。已放置的证件不会被读取。',
    'Another reader is plugged in here: put the right one back, or record the replacement on the installer page. No card is read meanwhile.',
  ),
  said(
    'device_gone',
    '找不到阅读器：请检查电源和连线，或串口服务器是否在线。',
    'The reader is not there: check power and cable, or whether the serial server is on line.',
  ),
  said(
    'flooding',
    '阅读器不停发送数据，已断开：请检查波特率和接地，并排除同一线路上的其他设备。',
    'The reader sends without end and was cut off: check baud rate and grounding, and that nothing else is on its line.',
  ),
  said(
    'card_unreadable',
    '证件读取失败：请拿起证件后重新放平；多次失败时请更换证件或人工核验。',
    'The card could not be read: lift it and lay it flat again; if that keeps failing, check the card by eye.',
  ),
  said(
    'reads_differ',
    '两次读取的内容不一致，结果未采用：请拿起证件后重新放平，并检查线路干扰。',
    'Two readings differed and neither was used: lay the card again, and look for interference on the line.',
  ),
  said(
    'second_read_refused',
    '此阅读器不支持对同一证件连续读取两次：请关闭 read_twice 选项。',
    'This reader does not read the same card a second time: switch the option read_twice off.',
  ),
]

/** What to do about a reader's reason; null where nothing but the reason itself can be said. */
export function adviceFor(reason: string): Advice | null {
  const code = reason.startsWith('wrong device') ? 'wrong_device' : reason
  return readerAdvice.find((advice) => advice.code === code) ?? null
}

export const readerAssumptions: readonly Assumption[] = [
  said(
    'card_not_found_again',
    '证件未拿走前再次寻卡时，模块回答 80（未找到），故只理解为“没有新证件”。',
    'A module answers 80 (not found) to another look while the card stays, so that means only "no new card".',
  ),
  said(
    'second_read',
    '已读过且未拿走的证件可以再次读取（30 01）。',
    'A card that was read and still lies there can be read again (30 01).',
  ),
  said(
    'presence_by_address',
    '读取追加地址（30 03）在证件未拿走时成功，拿走后失败，据此判断证件是否还在。',
    'Reading the newest address (30 03) works while the card lies there and fails after it was lifted: that tells whether it is there.',
  ),
  said(
    'new_address_form',
    '追加地址的应答为最长 70 字节的 UTF-16LE 文本，前面没有长度字段。',
    'The newest address comes as up to 70 bytes of UTF-16LE with no length in front.',
  ),
  said(
    'permit_check_digit',
    '港澳台居民居住证号码以 810000、820000 或 830000 开头，并采用 GB 11643 校验码；不符只提示，不拒绝。',
    'Numbers of residence permits begin with 810000, 820000 or 830000 and keep the check digit of GB 11643; another one is marked, never refused.',
  ),
  said(
    'foreigner_cards',
    '2017 版外国人永久居留证号码为三个字母加十二位数字；2023 版的字段位置和以 9 开头的号码只有一个来源。不符只提示。',
    'A 2017 permanent-resident number has three letters and twelve digits; fields and the leading 9 of the 2023 card rest on one source. Another form is marked, never refused.',
  ),
  said(
    'miaxis_hid',
    'HID 阅读器按 Miaxis MR-300 的报文封装（仅一个来源），其他厂商的 HID 封装未知。',
    'HID readers are spoken to in the reports of the Miaxis MR-300 (one source); those of other makers are not known.',
  ),
]

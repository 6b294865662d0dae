/**
 * What people are told a device is, how it stands and why, in both languages: one list for every page
 * and paper, so that one thing has one name. Types bring their own titles. Pure, raises nothing.
 */
import type { DeviceState } from '../contract/presence.ts'
import { deviceTypes } from './index.ts'

export type Words = { zh: string; en: string }

export const stateWords: Readonly<Record<DeviceState, Words>> = {
  online: { zh: '在线', en: 'online' },
  offline: { zh: '离线', en: 'offline' },
  power_off: { zh: '断电', en: 'power off' },
  no_device: { zh: '无设备', en: 'no device' },
  hardware_error: { zh: '硬件故障', en: 'hardware error' },
  user_error: { zh: '需人工处理', en: 'needs a person' },
  device_busy: { zh: '忙', en: 'busy' },
  fraud_attempt: { zh: '欺诈企图', en: 'fraud attempt' },
  potential_fraud: { zh: '疑似欺诈', en: 'possible fraud' },
  starting: { zh: '启动中', en: 'starting' },
  not_configured: { zh: '未配置', en: 'not configured' },
  unsupported: { zh: '不支持', en: 'unsupported' },
  stale: { zh: '数据陈旧', en: 'last known' },
}

/** By the code, or what stands before its colon; what stands behind one is the device's own word. */
export const reasonWords: Readonly<Record<string, Words>> = {
  answers: { zh: '有应答', en: 'answers' },
  status: { zh: '有应答', en: 'answers' },
  connected: { zh: '已连接，尚无数据', en: 'connected, not heard yet' },
  heard: { zh: '有数据', en: 'heard from' },
  'not yet connected': { zh: '尚未连接', en: 'not connected yet' },
  no_answer: { zh: '无应答', en: 'does not answer' },
  silent: { zh: '线路通，设备无应答', en: 'the line is there, the device is silent' },
  device_gone: { zh: '找不到设备', en: 'not there' },
  timed_out: { zh: '连接超时', en: 'no connection in time' },
  wrong_place: { zh: '属于另一位置', en: 'belongs to another place' },
  stranger: { zh: '未登记的设备', en: 'a device nobody registered' },
  card_present: { zh: '有证件', en: 'a card lies there' },
  device_refused: { zh: '无法打开', en: 'cannot be opened' },
  flooding: { zh: '不停发送', en: 'sends without end' },
  bus_jammed: { zh: '总线被占用', en: 'the line is jammed' },
  unsupported: { zh: '缺少系统库', en: 'a system library is missing' },
  wrong_device: { zh: '应答的是另一类设备', en: 'another kind of device answers' },
  'wrong device': { zh: '应答的是另一台设备', en: 'another device answers' },
  not_authorised: { zh: '安全模块未授权', en: 'its security module is not authorised' },
  self_test_failed: { zh: '安全模块自检失败', en: 'its security module failed its self test' },
  paper_out: { zh: '缺纸', en: 'out of paper' },
  paper_low: { zh: '纸将尽', en: 'paper nearly used up' },
  cover_open: { zh: '上盖打开', en: 'cover is open' },
  cutter_error: { zh: '切刀卡住', en: 'cutter is stuck' },
  media_jammed: { zh: '卡纸或卡证', en: 'paper or card jammed' },
  password_refused: { zh: '密码被拒', en: 'password refused' },
  password_needed: { zh: '需要密码', en: 'asks for a password' },
  differs: { zh: '与设定不符', en: 'set otherwise than wished' },
  error: { zh: '报告故障', en: 'reports an error' },
  offline: { zh: '报告脱机', en: 'says it is off line' },
  'no key loaded': { zh: '未装入密钥', en: 'no key loaded' },
  'mask refused': { zh: '会显示数字', en: 'would show digits' },
  clear_digits: { zh: '明文发送数字', en: 'sends digits in clear' },
  'clear_digits not accepted': {
    zh: '配置未接受明文',
    en: 'clear digits not accepted in its settings',
  },
  no_status: { zh: '不报告状态', en: 'reports no status' },
  unknown_state: { zh: '上报的状态未知', en: 'state it reports is unknown' },
  unauthorised: { zh: '证书不受信任', en: 'its certificate is not trusted' },
  config_invalid: { zh: '配置有误', en: 'wrong in its settings' },
  unconfirmed: { zh: '看不到身份', en: 'identity not confirmed' },
}

export function typeWords(): Record<string, Words> {
  return Object.fromEntries(Object.values(deviceTypes).map(({ name, title }) => [name, title]))
}

/** All three as a module for a browser: `types`, `states`, `reasons`, each by code. */
export function floorWordsScript(): string {
  const lists = { types: typeWords(), states: stateWords, reasons: reasonWords }
  return Object.entries(lists)
    .map(([name, words]) => `export const ${name} = ${JSON.stringify(words)}\n`)
    .join('')
}

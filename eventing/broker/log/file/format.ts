/** Frames and records of a segment as bytes; docs/formats/event-log.md is the description. */
import type { LogRecord } from '../log.ts';
import { crc32 } from '../../../../kube/crc32.ts';

export const FRAME_HEADER = 32;
export const RECORD_HEADER = 8;
const MAGIC = Buffer.from('ZEL1');
const CHECKED_FROM = 8;

export interface FrameHeader {
  readonly firstOffset: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly records: number;
  /** Bytes behind the header. */
  readonly length: number;
}

/** One frame of all payloads. */
export function encodeFrame(firstOffset: number, time: number, payloads: readonly Buffer[]): Buffer {
  let length = 0;
  for (const payload of payloads) length += RECORD_HEADER + payload.length;
  const frame = Buffer.allocUnsafe(FRAME_HEADER + length);
  MAGIC.copy(frame, 0);
  frame.writeBigUInt64LE(BigInt(firstOffset), 8);
  frame.writeDoubleLE(time, 16);
  frame.writeUInt32LE(payloads.length, 24);
  frame.writeUInt32LE(length, 28);
  frame.writeUInt32LE(crc32(frame.subarray(CHECKED_FROM, FRAME_HEADER)), 4);
  let at = FRAME_HEADER;
  for (const payload of payloads) {
    frame.writeUInt32LE(payload.length, at);
    frame.writeUInt32LE(crc32(payload), at + 4);
    payload.copy(frame, at + RECORD_HEADER);
    at += RECORD_HEADER + payload.length;
  }
  return frame;
}

/** The header at a position, undefined when there is none whole and valid. */
export function decodeHeader(bytes: Buffer, at: number): FrameHeader | undefined {
  if (at + FRAME_HEADER > bytes.length || bytes.compare(MAGIC, 0, 4, at, at + 4) !== 0) return undefined;
  if (bytes.readUInt32LE(at + 4) !== crc32(bytes.subarray(at + CHECKED_FROM, at + FRAME_HEADER))) return undefined;
  const records = bytes.readUInt32LE(at + 24);
  const length = bytes.readUInt32LE(at + 28);
  if (records === 0 || length < records * RECORD_HEADER) return undefined;
  return { firstOffset: Number(bytes.readBigUInt64LE(at + 8)), time: bytes.readDoubleLE(at + 16), records, length };
}

/** The records of a frame, as views of `body` (the bytes behind the header), undefined when any is damaged. */
export function decodeRecords(header: FrameHeader, body: Buffer): LogRecord[] | undefined {
  const records: LogRecord[] = [];
  let at = 0;
  for (let i = 0; i < header.records; i++) {
    if (at + RECORD_HEADER > body.length) return undefined;
    const length = body.readUInt32LE(at);
    const end = at + RECORD_HEADER + length;
    if (end > body.length) return undefined;
    const payload = body.subarray(at + RECORD_HEADER, end);
    if (crc32(payload) !== body.readUInt32LE(at + 4)) return undefined;
    records.push({ offset: header.firstOffset + i, payload });
    at = end;
  }
  return at === header.length ? records : undefined;
}

/** The next place at or behind `from` where a valid frame header stands, -1 when there is none. */
export function findHeader(bytes: Buffer, from: number): number {
  let at = bytes.indexOf(MAGIC, from);
  while (at >= 0 && decodeHeader(bytes, at) === undefined) at = bytes.indexOf(MAGIC, at + 1);
  return at;
}

const INDEX_MAGIC = Buffer.from('ZEI1');

export function encodeIndex(entries: readonly IndexEntry[]): Buffer {
  const out = Buffer.allocUnsafe(8 + entries.length * 16);
  INDEX_MAGIC.copy(out, 0);
  entries.forEach((entry, i) => {
    out.writeBigUInt64LE(BigInt(entry.offset), 8 + i * 16);
    out.writeBigUInt64LE(BigInt(entry.position), 16 + i * 16);
  });
  out.writeUInt32LE(crc32(out.subarray(8)), 4);
  return out;
}

/** Undefined when the bytes are no valid index. */
export function decodeIndex(bytes: Buffer): IndexEntry[] | undefined {
  if (bytes.length < 8 || (bytes.length - 8) % 16 !== 0 || bytes.compare(INDEX_MAGIC, 0, 4, 0, 4) !== 0)
    return undefined;
  if (bytes.readUInt32LE(4) !== crc32(bytes.subarray(8))) return undefined;
  const entries: IndexEntry[] = [];
  for (let at = 8; at < bytes.length; at += 16)
    entries.push({ offset: Number(bytes.readBigUInt64LE(at)), position: Number(bytes.readBigUInt64LE(at + 8)) });
  return entries;
}

/** A frame's first record and where the frame begins. */
export interface IndexEntry {
  readonly offset: number;
  readonly position: number;
}

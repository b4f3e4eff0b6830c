import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileLog, type FileLogOptions } from '../../../../eventing/broker/log/file/file-log.ts';
import { nodeFiles } from '../../../../eventing/broker/log/file/files.ts';
import type { EventLog } from '../../../../eventing/broker/log/log.ts';
import { systemClock } from '../../../../kube/clock.ts';
import { silentLogger } from '../../../../kube/log.ts';

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new folder that goes with this process. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'zeroth-log-'));
  folders.push(folder);
  return folder;
}

export function openLog(folder: string, options: Partial<FileLogOptions> = {}): Promise<FileLog> {
  return FileLog.open({ folder, files: nodeFiles, clock: systemClock, log: silentLogger, ...options });
}

export async function readAll(log: EventLog, from = 0): Promise<{ offset: number; text: string }[]> {
  const found: { offset: number; text: string }[] = [];
  for (let next = Math.max(from, log.start); next < log.end;) {
    const records = await log.read(next, { records: 100, bytes: 64 * 1024 });
    if (records.length === 0) break;
    for (const { offset, payload } of records) found.push({ offset, text: payload.toString() });
    next = (found[found.length - 1]?.offset ?? next) + 1;
  }
  return found;
}

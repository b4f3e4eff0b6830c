/** A child that appends as fast as it can and says, after each acknowledgement, what is now durable. Killed by a test. */
import { openLog } from './open-log.ts';

const log = await openLog(process.env['LOG_FOLDER'] ?? '', { segmentBytes: 64 * 1024 });
await log.cursor('subscriber');
let number = log.end;
async function produce(): Promise<void> {
  for (;;) {
    const mine = number++;
    const offset = await log.append([Buffer.from(`record ${mine} `.padEnd(50 + (mine % 400), 'x'))]);
    process.stdout.write(`${mine} ${offset}\n`);
  }
}
await Promise.all(Array.from({ length: 16 }, produce));
